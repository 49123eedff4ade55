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
  const type = values instanceof Float32Array ? 'float32' : 'float64';
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
 * How far `other` is from `base`, for arrays whose digests differ.
 * @returns largest |difference| by the largest |base|; Infinity where a number is not finite in one of them alone, 0 where
 * only the signs of zeros or the bits of NaN differ
 */
export function relativeDifference(base: Values, other: Values): number {
  let largest = 0;
  let difference = 0;
  for (let i = 0; i < base.length; i++) {
    const [a, b] = [base[i], other[i]];
    if (Object.is(a, b)) {
      if (Number.isFinite(a)) largest = Math.max(largest, Math.abs(a));
    } else if (Number.isFinite(a) && Number.isFinite(b)) {
      largest = Math.max(largest, Math.abs(a));
      difference = Math.max(difference, Math.abs(a - b));
    } else return Infinity;
  }
  return difference === 0 ? 0 : difference / largest;
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
