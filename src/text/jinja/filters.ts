import { percentFormat } from './format.ts';
import type { Scope } from './library.ts';
import { strip } from './methods.ts';
import type { Entries, Value } from './values.ts';
import {
  describe,
  entriesOf,
  equal,
  float,
  integer,
  isNumber,
  isText,
  isTrue,
  isUndefined,
  itemsOf,
  iterate,
  keyValue,
  list,
  none,
  object,
  order,
  printed,
  text,
  tuple,
  undefinedValue,
} from './values.ts';

/** A filter's surroundings. */
export interface FilterCall {
  readonly args: readonly Value[];
  readonly named: Entries;
  readonly environment: Scope;
  /** Applies another filter by its name, for `map('upper')`. */
  filtered(value: Value, name: string, args: readonly Value[]): Value;
}

type Filter = (value: Value, call: FilterCall) => Value;

/** A test by name with its arguments, as `select('equalto', 3)` names it. */
const tests: Readonly<Record<string, (value: Value, argument: Value) => boolean>> = {
  float: (value) => value.type === 'FloatValue',
  iterable: (value) => itemsOf(value) !== undefined || entriesOf(value) !== undefined || isText(value),
  in: (value, argument) => contains(argument, value),
  eq: equal,
  equalto: equal,
  ne: (value, argument) => !equal(value, argument),
  gt: (value, argument) => order(value, argument) > 0,
  ge: (value, argument) => order(value, argument) >= 0,
  lt: (value, argument) => order(value, argument) < 0,
  le: (value, argument) => order(value, argument) <= 0,
  divisibleby: (value, argument) => Number(value.value) % Number(argument.value) === 0,
  sameas: (value, argument) => value.value === argument.value,
};

/** Whether a value passes the test of that name; undefined when there is none here nor in the library. */
export function passes(value: Value, name: string, args: readonly Value[], environment: Scope): boolean | undefined {
  if (Object.hasOwn(tests, name)) return tests[name](value, args[0]);
  return environment.tests.get(name)?.(value, ...args);
}

/** Python's `value in whole`. */
export function contains(whole: Value, value: Value): boolean {
  const entries = entriesOf(whole);
  if (entries !== undefined) return entries.has(value.value as string | number);
  if (isText(whole)) return isText(value) && (whole.value as string).includes(value.value as string);
  return iterate(whole).some((item) => equal(item, value));
}

/** `a.b.0` inside a value. */
function attribute(value: Value, path: Value): Value {
  let found: Value | undefined = value;
  for (const part of String(path.value).split('.')) {
    if (found === undefined) break;
    found = entriesOf(found)?.get(part) ?? itemsOf(found)?.[Number(part)];
  }
  return found ?? undefinedValue();
}

const choosing =
  (kept: boolean, byAttribute: boolean): Filter =>
  (value, { args, environment }) => {
    // Jinja goes through nothing where the value is false, even None.
    if (!isTrue(value)) return list([]);
    const path = byAttribute ? args[0] : undefined;
    const [name, ...more] = byAttribute ? args.slice(1) : args;
    const chosen = iterate(value).filter((item) => {
      const tested = path === undefined ? item : attribute(item, path);
      const passed = name === undefined ? isTrue(tested) : passes(tested, printed(name), more, environment);
      if (passed === undefined) throw new Error(`no test named ${printed(name)}`);
      return passed === kept;
    });
    return list(chosen);
  };

const extreme =
  (sign: number): Filter =>
  (value, { named }) => {
    const key = named.get('attribute');
    const of = (item: Value): Value => (key === undefined ? item : attribute(item, key));
    const items = iterate(value);
    if (items.length === 0) return undefinedValue();
    return items.reduce((best, item) => (sign * order(of(item), of(best), false) > 0 ? item : best));
  };

const count: Filter = (value) => integer(iterate(value).length);
const fallback: Filter = (value, { args, named }) => {
  const whenFalse = args[1] ?? named.get('boolean');
  const missing = isUndefined(value) || (whenFalse !== undefined && isTrue(whenFalse) && !isTrue(value));
  return missing ? (args[0] ?? named.get('default_value') ?? text('')) : value;
};

/** Filters that the library lacks, or has for some kinds of value alone. @see Jinja 3.1, jinja2/filters.py */
export const filters: Readonly<Record<string, Filter>> = {
  string: (value) => text(printed(value)),
  default: fallback,
  d: fallback,
  count,
  length: count,
  list: (value) => list([...iterate(value)]),
  first: (value) => iterate(value)[0] ?? undefinedValue(),
  last: (value) => iterate(value).at(-1) ?? undefinedValue(),
  reverse: (value) => {
    const items = [...iterate(value)].reverse();
    return isText(value) ? text(items.map(printed).join('')) : list(items);
  },
  min: extreme(-1),
  max: extreme(1),
  select: choosing(true, false),
  reject: choosing(false, false),
  selectattr: choosing(true, true),
  rejectattr: choosing(false, true),
  format: (value, { args, named }) =>
    text(percentFormat(printed(value), named.size > 0 ? object(named) : list([...args]))),
  trim: (value, { args }) => text(strip(printed(value), args[0] && printed(args[0]), 'both')),
  join: (value, { args, named }) => {
    const key = named.get('attribute') ?? args[1];
    const items = iterate(value).map((item) => printed(key === undefined ? item : attribute(item, key)));
    return text(items.join(printed(args[0] ?? named.get('d') ?? text(''))));
  },
  sum: (value, { args, named }) => {
    const key = named.get('attribute') ?? args[0];
    const numbers = iterate(value).map((item) => (key === undefined ? item : attribute(item, key)));
    const strange = numbers.find((item) => !isNumber(item));
    if (strange !== undefined) throw new Error(`sum: found ${describe(strange)}, expected numbers`);
    const total = [...numbers, args[1] ?? named.get('start') ?? integer(0)];
    const sum = total.reduce((before, item) => before + Number(item.value), 0);
    return total.some((item) => item.type === 'FloatValue') ? float(sum) : integer(sum);
  },
  round: (value, { args }) => float(rounded(Number(value.value), Number(args[0]?.value ?? 0))),
  map: (value, { args, named, filtered }) => {
    const key = named.get('attribute');
    const missing = named.get('default');
    const mapped = iterate(value).map((item) => {
      if (key === undefined) return filtered(item, printed(args[0]), args.slice(1));
      const found = attribute(item, key);
      return isUndefined(found) && missing !== undefined ? missing : found;
    });
    return list(mapped);
  },
  items: (value) => list(Array.from(entriesOf(value) ?? [], ([key, item]) => tuple([keyValue(key), item]))),
  dictsort: (value, { args, named }) => {
    const caseSensitive = isTrue(args[0] ?? named.get('case_sensitive') ?? none());
    const by = printed(args[1] ?? named.get('by') ?? text('key')) === 'value' ? 1 : 0;
    const sign = isTrue(args[2] ?? named.get('reverse') ?? none()) ? -1 : 1;
    const pairs = Array.from(entriesOf(value) ?? [], ([key, item]): [Value, Value] => [keyValue(key), item]);
    return list(pairs.sort((a, b) => sign * order(a[by], b[by], caseSensitive)).map((pair) => tuple(pair)));
  },
};

/** Filters of text that Jinja applies to what a value prints as. */
export const textFilters: ReadonlySet<string> = new Set(['upper', 'lower', 'title', 'capitalize', 'replace', 'indent']);

/** Ties to even, as Python rounds. */
function rounded(value: number, digits: number): number {
  const scaled = value * 10 ** digits;
  const floor = Math.floor(scaled);
  const tie = scaled - floor === 0.5;
  return (tie ? floor + (floor % 2) : Math.round(scaled)) / 10 ** digits;
}
