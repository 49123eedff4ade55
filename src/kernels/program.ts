/*
 * What a device is given to run: plain data, made by `graph/schedule`. Nothing here knows a network or a device.
 */

export type DataType = 'f32' | 'f64' | 'i32' | 'u8';

export const bytesOfType: Readonly<Record<DataType, number>> = { f32: 4, f64: 8, i32: 4, u8: 1 };

/** A number, or a number of times a symbol that is bound when a program runs: `{ of: 'tokens', times: 4 }`. */
export type Size = number | { readonly of: string; readonly times: number };

export type Shape = readonly Size[];

/** Values of symbols. `tokens`: rows of new tokens; `sequences`, `length`: their product; `past`: tokens read before. */
export type Sizes = Readonly<Record<string, number>>;

/** @throws RangeError for a symbol that is not bound */
export function sizeOf(size: Size, sizes: Sizes): number {
  if (typeof size === 'number') return size;
  const bound = sizes[size.of];
  if (bound === undefined)
    throw new RangeError(`size ${size.of} is not bound; known: ${Object.keys(sizes).join(', ')}`);
  return bound * size.times;
}

/** Number of values. */
export function countOf(shape: Shape, sizes: Sizes): number {
  return shape.reduce<number>((product, size) => product * sizeOf(size, sizes), 1);
}

/** A size times a number, and divided by another that divides it. */
export function timesSize(size: Size, times: number, divisor = 1): Size {
  return typeof size === 'number' ? (size * times) / divisor : { of: size.of, times: (size.times * times) / divisor };
}

/** Numbers, names and lists: what JSON holds. */
export type Attribute = number | string | boolean | null | readonly Attribute[] | { readonly [key: string]: Attribute };

export type Attributes = { readonly [key: string]: Attribute };

/**
 * Functions of one number. `gelu` is its form with tanh: 0.5·x·(1 + tanh(√(2/π)·(x + 0.044715·x³))), `geluErf` the exact one:
 * 0.5·x·(1 + erf(x/√2)); `relu2` is x·max(0, x), `softplus` log(1 + eˣ).
 */
export type Activation = 'silu' | 'gelu' | 'geluErf' | 'relu' | 'sigmoid' | 'tanh' | 'relu2' | 'softplus';
/**
 * Gates: of `silu`, `gelu` and `geluErf`, activation(gate)·up. `clamped` is g·σ(1.702·g)·(u + 1) with g = min(gate, 7) and
 * u = up between −7 and 7. @see OpenAI, gpt-oss (2025), reference implementation, `swiglu`
 */
export type GateActivation = 'silu' | 'gelu' | 'geluErf' | 'clamped';

/** One kernel at work. Operands are indices into the program's places; an absent optional operand is −1. */
export interface Call {
  readonly kernel: string;
  readonly operands: readonly number[];
  /** Sizes by the kernel's own names (m, n, k …). */
  readonly sizes: Readonly<Record<string, Size>>;
  readonly attributes: Attributes;
}

/** Where an operand lies. */
export type Place =
  /** In the program's own memory, at an offset; places whose lifetimes do not meet share it. */
  | { readonly kind: 'arena'; readonly type: DataType; readonly shape: Shape; readonly offset: number }
  /** A tensor of the model: float32, or blocks of a number format [rows, columns]. */
  | {
      readonly kind: 'weight';
      readonly tensor: string;
      readonly format?: string;
      readonly shape: readonly number[];
    }
  /** Memory that outlives a run, by name: caches, sums. */
  | { readonly kind: 'state'; readonly name: string; readonly type: DataType; readonly shape: Shape };

/** A schedule: what to call in which order on which memory. Compiled for capacities, run for sizes up to them. */
export interface Program {
  readonly places: readonly Place[];
  readonly calls: readonly Call[];
  /** Largest value of every symbol. */
  readonly capacities: Sizes;
  /** Bytes of the arena at capacity. */
  readonly arenaBytes: number;
}

/** Symbols that decide the lengths of views; a program is bound anew where one of them changes. */
export function symbolsOf({ places, calls }: Program): string[] {
  const found = new Set<string>();
  const add = (size: Size): void => {
    if (typeof size !== 'number') found.add(size.of);
  };
  for (const place of places) for (const size of place.shape) add(size);
  for (const call of calls) for (const size of Object.values(call.sizes)) add(size);
  return [...found].sort();
}
