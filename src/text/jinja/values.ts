import { Environment, type Scope, type Value } from './library.ts';

export type { Value };

/** Keys of objects are text in the library; here integers stay integers, as Python's do. */
export type Entries = Map<string | number, Value>;
type Callable = (args: Value[], scope: Scope) => Value;

/** The library exports no constructors of values: one is made from a JavaScript value, then given its contents. */
const made = (sample: unknown, contents: unknown): Value =>
  Object.assign(new Environment().set('value', sample), { value: contents }) as Value;

export const text = (value: string): Value => made('', value);
export const list = (value: Value[]): Value => made([], value);
export const tuple = (value: Value[]): Value => Object.assign(list(value), { type: 'TupleValue' });
export const object = (value: Entries): Value => made({}, value);
export const callable = (value: Callable): Value => made(() => null, value);
export const integer = (value: number): Value => made(0, value);
export const float = (value: number): Value => made(0.5, value);
export const boolean = (value: boolean): Value => made(false, value);
export const undefinedValue = (): Value => made(undefined, undefined);
export const none = (): Value => made(null, null);
export const keyValue = (key: string | number): Value => (typeof key === 'number' ? integer(key) : text(key));

export const isText = (value: Value): boolean => value.type === 'StringValue';
export const isUndefined = (value: Value): boolean => value.type === 'UndefinedValue';
export const isCallable = (value: Value): boolean => value.type === 'FunctionValue';
export const isNumber = (value: Value): boolean =>
  value.type === 'IntegerValue' || value.type === 'FloatValue' || value.type === 'BooleanValue';
export const isTrue = (value: Value): boolean => value.__bool__().value;

/** Members of a list or tuple; undefined for anything else. */
export const itemsOf = (value: Value): Value[] | undefined =>
  value.type === 'ArrayValue' || value.type === 'TupleValue' ? (value.value as Value[]) : undefined;

/** Entries of an object or namespace; undefined for anything else. */
export const entriesOf = (value: Value): Entries | undefined =>
  ['ObjectValue', 'NamespaceValue', 'KeywordArgumentsValue'].includes(value.type)
    ? (value.value as unknown as Entries)
    : undefined;

/** What a loop or a filter goes through: members, keys, characters; nothing for what is undefined. */
export function iterate(value: Value): Value[] {
  const items = itemsOf(value);
  if (items !== undefined) return items;
  const entries = entriesOf(value);
  if (entries !== undefined) return Array.from(entries.keys(), keyValue);
  if (isText(value)) return Array.from(value.value as string, text);
  if (isUndefined(value)) return [];
  throw new Error(`${describe(value)} cannot be gone through`);
}

/** Equality of values, not of objects: Python's `==`. */
export function equal(a: Value, b: Value): boolean {
  if (isNumber(a) && isNumber(b)) return Number(a.value) === Number(b.value);
  if (a.type !== b.type) return false;
  const [left, right] = [itemsOf(a), itemsOf(b)];
  if (left && right) return left.length === right.length && left.every((item, i) => equal(item, right[i]));
  const [mine, yours] = [entriesOf(a), entriesOf(b)];
  if (!mine || !yours) return a.value === b.value;
  return mine.size === yours.size && [...mine].every(([key, item]) => yours.has(key) && equal(item, yours.get(key)!));
}

/** Order of numbers and of text. @throws Error for other pairs, which Python cannot order either */
export function order(a: Value, b: Value, caseSensitive = true): number {
  const keyed = (value: Value): string | number => {
    if (isNumber(value)) return Number(value.value);
    return caseSensitive ? (value.value as string) : (value.value as string).toLowerCase();
  };
  if (!(isNumber(a) && isNumber(b)) && !(isText(a) && isText(b)))
    throw new Error(`${describe(a)} and ${describe(b)} have no order`);
  return keyed(a) < keyed(b) ? -1 : keyed(a) > keyed(b) ? 1 : 0;
}

/** What `{{ value }}` prints: Python's `str`. */
export function printed(value: Value): string {
  return isText(value) ? (value.value as string) : isUndefined(value) ? '' : represented(value);
}

/** Python's `repr`: what a value looks like inside of a printed list. */
function represented(value: Value): string {
  const items = itemsOf(value);
  const entries = entriesOf(value);
  if (items !== undefined) {
    const inner = items.map(represented).join(', ');
    if (value.type === 'ArrayValue') return `[${inner}]`;
    return items.length === 1 ? `(${inner},)` : `(${inner})`;
  }
  if (entries !== undefined) {
    return `{${[...entries].map(([key, item]) => `${represented(keyValue(key))}: ${represented(item)}`).join(', ')}}`;
  }
  switch (value.type) {
    case 'StringValue':
      return quoted(value.value as string);
    case 'BooleanValue':
      return value.value ? 'True' : 'False';
    case 'NullValue':
      return 'None';
    case 'UndefinedValue':
      return 'Undefined';
    case 'FloatValue':
      return floatText(value.value as number);
    default:
      return String(value.value);
  }
}

/** Python writes floats with an exponent below 1e-4 and from 1e16, and always shows that they are floats. */
function floatText(value: number): string {
  if (Number.isNaN(value)) return 'nan';
  if (!Number.isFinite(value)) return value < 0 ? '-inf' : 'inf';
  const magnitude = Math.abs(value);
  if (value !== 0 && (magnitude < 1e-4 || magnitude >= 1e16)) {
    return value.toExponential().replace(/e([+-])(\d)$/, 'e$10$2');
  }
  if (Object.is(value, -0)) return '-0.0';
  return Number.isInteger(value) ? value.toFixed(1) : String(value);
}

const escapes: Readonly<Record<string, string>> = { '\\': '\\\\', '\n': '\\n', '\r': '\\r', '\t': '\\t' };

function quoted(value: string): string {
  const quote = value.includes("'") && !value.includes('"') ? '"' : "'";
  const inner = value.replaceAll(/[\\\n\r\t]/g, (character) => escapes[character]);
  return quote + (quote === "'" ? inner.replaceAll("'", "\\'") : inner) + quote;
}

/** A value in a message. */
export function describe(value: Value): string {
  const shown = represented(value);
  return shown.length > 40 ? `${shown.slice(0, 40)}…` : shown;
}
