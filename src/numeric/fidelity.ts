import { Random } from '../core/random.ts';
import type { EncodeBackend } from './backend.ts';
import type { TensorFormat } from './types.ts';

/** Rows of values to try formats on. */
export interface Source {
  readonly name: string;
  readonly columns: number;
  /** [rows, columns] */
  readonly values: Float32Array;
}

/** Where values are drawn from, each of unit variance. */
export const distributions = {
  Gaussian: (random: Random) => random.normal(),
  Laplace(random: Random) {
    const u = random.uniform() - 0.5;
    return (-Math.sign(u) * Math.log(1 - 2 * Math.abs(u))) / Math.SQRT2;
  },
  /** Student's t with 5 degrees of freedom. */
  Student(random: Random) {
    let chi = 0;
    for (let i = 0; i < 5; i++) chi += random.normal() ** 2;
    return random.normal() / Math.sqrt(chi / 3);
  },
} as const satisfies Record<string, (random: Random) => number>;

/** Independent values. @param scale their standard deviation */
export function syntheticSource(
  name: keyof typeof distributions,
  rows: number,
  columns: number,
  seed: number,
  scale = 1,
): Source {
  const random = new Random(seed);
  const draw = distributions[name];
  return { name, columns, values: Float32Array.from({ length: rows * columns }, () => scale * draw(random)) };
}

export interface Fidelity {
  /** Σ (x − x̂)² / Σ x² */
  readonly relativeError: number;
  /** −10·log10 of it, decibels */
  readonly sqnr: number;
  /** Bits per weight of what was stored. */
  readonly bitsPerWeight: number;
}

/** Encodes, decodes and compares. @param backend who computes, default plain JavaScript */
export function fidelity(format: TensorFormat, { values, columns }: Source, backend?: EncodeBackend): Fidelity {
  const bytes = format.encode(values, columns, undefined, backend);
  const decoded = new Float32Array(values.length);
  format.decode(bytes, columns, decoded);
  let error = 0;
  let energy = 0;
  for (let i = 0; i < values.length; i++) {
    error += (values[i] - decoded[i]) ** 2;
    energy += values[i] ** 2;
  }
  const relativeError = error / energy;
  return { relativeError, sqnr: -10 * Math.log10(relativeError), bitsPerWeight: (8 * bytes.length) / values.length };
}
