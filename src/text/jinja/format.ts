import { type Entries, entriesOf, isNumber, itemsOf, printed, type Value } from './values.ts';

/** Python's `template % value`: `%s %d %i %f %x %r %%` with flags, width and precision, `%(name)s` from an object. */
export function percentFormat(template: string, value: Value): string {
  const names = entriesOf(value);
  const given = itemsOf(value) ?? [value];
  let used = 0;
  return template.replaceAll(
    /%(?:\(([^)]*)\))?([-+0 ]*)(\d*)(?:\.(\d+))?([a-zA-Z%])/g,
    (_, name: string | undefined, flags: string, width: string, precision: string | undefined, kind: string) => {
      if (kind === '%') return '%';
      const item = name === undefined ? given[used++] : names?.get(name);
      if (item === undefined) throw new Error(`format ${JSON.stringify(template)}: has no value for %${name ?? kind}`);
      return padded(converted(item, kind, precision), flags, Number(width));
    },
  );
}

/** Python's `template.format(…)`: `{}`, `{0}`, `{name}`, with `:width`, `:.2f` and the like behind the name. */
export function braceFormat(template: string, args: readonly Value[], named: Entries): string {
  let used = 0;
  return template.replaceAll(/\{\{|\}\}|\{(\w*)(?::([<>]?)(0?)(\d*)(?:\.(\d+))?([a-z]?))?\}/g, (whole, ...parts) => {
    if (whole === '{{' || whole === '}}') return whole[0];
    const [name, side, zero, width, precision, kind] = parts as string[];
    const item = name === '' ? args[used++] : (named.get(name) ?? args[Number(name)]);
    if (item === undefined) throw new Error(`format ${JSON.stringify(template)}: has no value for ${whole}`);
    const leftAligned = side === '<' || (side !== '>' && !isNumber(item));
    return padded(converted(item, kind || 's', precision), zero + (leftAligned ? '-' : ''), Number(width));
  });
}

function converted(value: Value, kind: string, precision: string | undefined): string {
  switch (kind) {
    case 'd':
    case 'i':
      return String(Math.trunc(Number(value.value)));
    case 'f':
      return Number(value.value).toFixed(Number(precision ?? 6));
    case 'x':
      return Math.trunc(Number(value.value)).toString(16);
    case 's':
    case 'r':
      return precision === undefined ? printed(value) : printed(value).slice(0, Number(precision));
    default:
      throw new Error(`format: conversion ${kind} is not known`);
  }
}

function padded(shown: string, flags: string, width: number): string {
  const signed = flags.includes('+') && /^\d/.test(shown) ? `+${shown}` : shown;
  if (flags.includes('-')) return signed.padEnd(width);
  if (!flags.includes('0')) return signed.padStart(width);
  const sign = /^[+-]/.exec(signed)?.[0] ?? '';
  return sign + signed.slice(sign.length).padStart(width - sign.length, '0');
}
