import { FormatError } from '../../core/errors.ts';
import { type Shape, type Size, timesSize } from '../../kernels/program.ts';
import type { Attributes, Builder, Share, Type, ValueId } from '../types.ts';

/** Rows of a value and values per row. @throws FormatError when it is no matrix */
export function matrixOf(op: string, type: Type | undefined): { rows: Size; width: number } {
  const [rows, width] = type?.shape ?? [];
  if (type?.shape.length !== 2 || typeof width !== 'number')
    throw new FormatError(`${op}: input is [${told(type?.shape)}], expected [rows, width]`);
  return { rows, width };
}

export function told(shape: Shape | undefined): string {
  return (shape ?? []).map((size) => (typeof size === 'number' ? size : `${size.times}·${size.of}`)).join(', ');
}

/** @throws FormatError when the widths differ */
export function requireWidth(op: string, what: string, found: number, expected: number): void {
  if (found !== expected) throw new FormatError(`${op}: ${what} is ${found} wide, expected ${expected}`);
}

export function requireSame(op: string, a: Type | undefined, b: Type | undefined): void {
  if (told(a?.shape) !== told(b?.shape))
    throw new FormatError(`${op}: inputs are [${told(a?.shape)}] and [${told(b?.shape)}]`);
}

/** A number among attributes. @throws FormatError when it is none */
export function numberOf(attributes: Attributes, name: string, fallback?: number): number {
  const value = attributes[name] ?? fallback;
  if (typeof value !== 'number')
    throw new FormatError(`attribute ${name} is ${JSON.stringify(value)}, expected a number`);
  return value;
}

export function textOf(attributes: Attributes, name: string): string {
  const value = attributes[name];
  if (typeof value !== 'string')
    throw new FormatError(`attribute ${name} is ${JSON.stringify(value)}, expected a name`);
  return value;
}

/** Values of a type in all, as one size. */
export function countSize(shape: Shape): Size {
  return shape.reduce<Size>((product, size) => {
    if (typeof size === 'number') return timesSize(product, size);
    if (typeof product !== 'number') throw new FormatError(`shape [${told(shape)}] has two symbols`);
    return timesSize(size, product);
  }, 1);
}

/** The share of a gradient that is computed apart and then added. */
export function shareOf(build: Builder, gradient: ValueId): Share {
  return (addend) => (addend === undefined ? gradient : build.node('add', [gradient, addend]));
}

/** The same result for every caller, made for the first. */
export function once<T>(make: () => T): () => T {
  let made: { value: T } | undefined;
  return () => {
    made ??= { value: make() };
    return made.value;
  };
}
