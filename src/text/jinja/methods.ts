import { braceFormat } from './format.ts';
import type { Entries, Value } from './values.ts';
import {
  boolean,
  callable,
  entriesOf,
  equal,
  integer,
  isText,
  itemsOf,
  iterate,
  keyValue,
  list,
  none,
  object,
  printed,
  text,
  tuple,
} from './values.ts';

/** A method of a value. @param named keyword arguments */
type Method<T> = (self: T, args: readonly Value[], named: Entries) => Value;

const strips = (side: 'both' | 'start' | 'end'): Method<string> => {
  return (self, [characters]) =>
    text(strip(self, characters && isText(characters) ? printed(characters) : undefined, side));
};

/** Python's strip: white space, or any of the given characters, from the ends. */
export function strip(value: string, characters: string | undefined, side: 'both' | 'start' | 'end'): string {
  const dropped = (character: string): boolean =>
    characters === undefined ? /\s/u.test(character) : characters.includes(character);
  const symbols = Array.from(value);
  let [from, to] = [0, symbols.length];
  if (side !== 'end') while (from < to && dropped(symbols[from])) from++;
  if (side !== 'start') while (to > from && dropped(symbols[to - 1])) to--;
  return symbols.slice(from, to).join('');
}

const textMethods: Readonly<Record<string, Method<string>>> = {
  format: (self, args, named) => text(braceFormat(self, args, named)),
  strip: strips('both'),
  lstrip: strips('start'),
  rstrip: strips('end'),
  removeprefix: (self, [prefix]) => text(self.startsWith(printed(prefix)) ? self.slice(printed(prefix).length) : self),
  removesuffix: (self, [suffix]) =>
    text(self.endsWith(printed(suffix)) ? self.slice(0, self.length - printed(suffix).length) : self),
  find: (self, [part]) => integer(self.indexOf(printed(part))),
  rfind: (self, [part]) => integer(self.lastIndexOf(printed(part))),
  count: (self, [part]) => integer(self.split(printed(part)).length - 1),
  join: (self, [items]) => text(iterate(items).map(printed).join(self)),
  splitlines: (self) => list((self === '' ? [] : self.replace(/\r?\n$/, '').split(/\r\n|\r|\n/)).map(text)),
  rsplit: (self, [separator, most]) => {
    const parts = separator && isText(separator) ? self.split(printed(separator)) : self.trim().split(/\s+/u);
    const glue = separator && isText(separator) ? printed(separator) : ' ';
    const kept = most === undefined || Number(most.value) < 0 ? parts.length : Number(most.value);
    const head = parts.slice(0, Math.max(0, parts.length - kept)).join(glue);
    return list([...(parts.length > kept ? [head] : []), ...parts.slice(Math.max(0, parts.length - kept))].map(text));
  },
  isdigit: (self) => boolean(/^\p{Nd}+$/u.test(self)),
  isalpha: (self) => boolean(/^\p{L}+$/u.test(self)),
  isalnum: (self) => boolean(/^[\p{L}\p{N}]+$/u.test(self)),
  isspace: (self) => boolean(/^\s+$/u.test(self)),
};

const listMethods: Readonly<Record<string, Method<Value[]>>> = {
  append: (self, [item]) => changed(() => self.push(item)),
  extend: (self, [items]) => changed(() => self.push(...iterate(items))),
  insert: (self, [at, item]) => changed(() => self.splice(Number(at.value), 0, item)),
  pop: (self, [at]) => taken(self.splice(at === undefined ? -1 : Number(at.value), 1)[0], 'pop from an empty list'),
  index: (self, [item]) => integer(self.findIndex((other) => equal(other, item))),
  count: (self, [item]) => integer(self.filter((other) => equal(other, item)).length),
  copy: (self) => list([...self]),
};

const objectMethods: Readonly<Record<string, Method<Entries>>> = {
  get: (self, [key, fallback]) => self.get(key.value as string | number) ?? fallback ?? none(),
  items: (self) => list(Array.from(self, ([key, value]) => tuple([keyValue(key), value]))),
  keys: (self) => list(Array.from(self.keys(), keyValue)),
  values: (self) => list([...self.values()]),
  copy: (self) => object(new Map(self)),
  update: (self, [other], named) =>
    changed(() => {
      for (const [key, value] of [...((other && entriesOf(other)) ?? []), ...named]) self.set(key, value);
    }),
  setdefault: (self, [key, fallback]) => {
    const name = key.value as string | number;
    if (!self.has(name)) self.set(name, fallback ?? none());
    return self.get(name)!;
  },
  pop: (self, [key, fallback]) => {
    const name = key.value as string | number;
    const found = taken(self.get(name) ?? fallback, `pop: no key ${name}`);
    self.delete(name);
    return found;
  },
};

/** The method of that name that a value has here, bound to it; undefined when it has none. */
export function methodOf(value: Value, name: string): Value | undefined {
  const items = itemsOf(value);
  const entries = value.type === 'NamespaceValue' ? undefined : entriesOf(value);
  if (isText(value)) return bound(textMethods, name, value.value as string);
  if (items !== undefined) return bound(listMethods, name, items);
  return entries === undefined ? undefined : bound(objectMethods, name, entries);
}

function bound<T>(methods: Readonly<Record<string, Method<T>>>, name: string, self: T): Value | undefined {
  if (!Object.hasOwn(methods, name)) return undefined;
  return callable((args) => {
    const last = args.at(-1);
    const named = last?.type === 'KeywordArgumentsValue' ? entriesOf(last)! : new Map();
    return methods[name](
      self,
      named.size > 0 || last?.type === 'KeywordArgumentsValue' ? args.slice(0, -1) : args,
      named,
    );
  });
}

function changed(change: () => unknown): Value {
  change();
  return none();
}

function taken(value: Value | undefined, message: string): Value {
  if (value === undefined) throw new Error(message);
  return value;
}
