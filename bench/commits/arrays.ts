import { createHash } from 'node:crypto';
import type { Difference, Digest } from './types.ts';

export type Values = Float32Array | Float64Array;

/** An array to compare, with the names of its numbers where they have some. */
export interface Observation {
  readonly values: Values;
  /** JSON of what the numbers came out of, with 0 in their places. */
  readonly names?: string;
}

export function digestOf({ values, names = '' }: Observation): Digest {
  const hash = createHash('sha256').update(names);
  hash.update(new Uint8Array(values.buffer, values.byteOffset, values.byteLength));
  const type = values instanceof Float32Array ? 'float32' : names === '' ? 'float64' : 'numbers';
  return { type, length: values.length, sha256: hash.digest('hex') };
}

/** All numbers of a value that JSON can hold, typed arrays included, in their order. */
export function observe(value: unknown): Observation {
  const numbers: number[] = [];
  const plain = JSON.stringify(value, (_, each: unknown) =>
    ArrayBuffer.isView(each) ? Array.from(each as Values) : each instanceof Map ? Object.fromEntries(each) : each,
  );
  const names = JSON.stringify(JSON.parse(plain), (_, each: unknown) => {
    if (typeof each !== 'number') return each;
    numbers.push(each);
    return 0;
  });
  return { values: Float64Array.from(numbers), names };
}

/**
 * How far an array is from another of the same shape.
 * @returns largest |difference| by the largest |base|; Infinity where a number is finite in one of them alone, 0 where only
 * the signs of zeros differ
 */
export function relativeDifference(base: Values, other: Values): number {
  let largest = 0;
  let difference = 0;
  for (let i = 0; i < base.length; i++) {
    const [a, b] = [base[i], other[i]];
    if (Number.isFinite(a)) largest = Math.max(largest, Math.abs(a));
    if (Object.is(a, b)) continue;
    if (!Number.isFinite(a) || !Number.isFinite(b)) return Infinity;
    difference = Math.max(difference, Math.abs(a - b));
  }
  return difference === 0 ? 0 : difference / largest;
}

/** The same for numbers that have nothing to do with each other: the largest difference of one number by itself. */
export function relativeDifferenceEach(base: Values, other: Values): number {
  const each = Array.from(base, (_, i) => relativeDifference(base.subarray(i, i + 1), other.subarray(i, i + 1)));
  return each.reduce((most, value) => Math.max(most, value), 0);
}

/** Difference of two arrays of one name from their digests, as far as these say it. Undefined: their values are needed. */
export function differenceOfDigests(name: string, base?: Digest, other?: Digest): Difference | undefined {
  if (base === undefined) return { name, relative: Infinity, reason: 'is in the second commit only' };
  if (other === undefined) return { name, relative: Infinity, reason: 'is in the first commit only' };
  if (base.type !== other.type || base.length !== other.length) {
    const reason = `${base.length} ${base.type} became ${other.length} ${other.type}`;
    return { name, relative: Infinity, reason };
  }
  return undefined;
}
