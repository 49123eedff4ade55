import type { Minifloat } from '../core/minifloat.ts';

/**
 * Floats of at most 16 bits that values are cast to one by one, ties to even: `encode` defines the bytes, the numbers are
 * what kernels compute them by.
 */
export interface FloatCast {
  /** Bits of a code, its sign included; the first code in the lowest bits. */
  readonly bits: number;
  readonly mantissaBits: number;
  readonly bias: number;
  /** Code of the largest finite magnitude. */
  readonly largest: number;
  /** Code of larger magnitudes. */
  readonly overflow: number;
  /** Code of NaN, and which upper bits of the NaN given are joined to it. */
  readonly nan: number;
  readonly nanKeeps: number;
  /** Whether −0 differs from 0. */
  readonly hasMinusZero: boolean;
  encode(values: Float32Array, bytes: Uint8Array): void;
}

/** Each value as several bfloat16, one after the other, each the nearest to what those before leave. */
export interface SumCast {
  readonly components: number;
  encode(values: Float32Array, bytes: Uint8Array): void;
}

/** What values are cast to, without a scale. */
export type Cast = FloatCast | SumCast;

/** Carries out casts: kernels give the bytes of the definition. */
export interface Caster {
  /** @param bytes out, whole blocks of the format */
  castValues(cast: Cast, values: Float32Array, bytes: Uint8Array): void;
}

export const plainCaster: Caster = { castValues: (cast, values, bytes) => cast.encode(values, bytes) };

/** Casts to a float of 3 to 8 bits. */
export function minifloatCast(float: Minifloat, encode: Cast['encode']): FloatCast {
  const { bits, bias, largest, overflow, nan, spec } = float;
  const { mantissaBits, specials } = spec;
  return {
    ...{ bits, mantissaBits, bias, largest, overflow, nan },
    nanKeeps: 0,
    hasMinusZero: specials !== 'fnuz',
    encode,
  };
}
