import type { TensorFile } from '../container/types.ts';
import { FormatError } from '../core/errors.ts';
import type { Architecture, TensorSpec } from './architectures/types.ts';
import { tensorFromEntry } from './tensors.ts';
import type { RopeConfig } from './types.ts';

/*
 * Divisors of RoPE's frequencies are tensors in GGUF, and numbers of config.json in Hugging Face checkpoints.
 */

const FREQUENCIES = 'rope_freqs';
const LONG = 'rope_factors_long';
const SHORT = 'rope_factors_short';

/** Divisors that a GGUF file carries, each [dimensions/2]. */
export interface RopeFactors {
  readonly frequencies?: Float32Array;
  readonly long?: Float32Array;
  readonly short?: Float32Array;
}

/** Tensors of divisors that a model may have. */
export function ropeTensorSpecs({ ropeFactors }: Architecture, { dimensions }: RopeConfig): TensorSpec[] {
  if (ropeFactors === undefined) return [];
  const roles = ropeFactors === 'frequencies' ? [FREQUENCIES] : [LONG, SHORT];
  return roles.map((role) => specOf(role, [dimensions / 2]));
}

function specOf(role: string, shape: readonly number[]): TensorSpec {
  return { name: `${role}.weight`, role, layer: -1, shape, huggingFace: [], gguf: [], optional: true };
}

/** Values of those that a model has, by their names. */
export function ropeTensorValues({ frequencyFactors, scaling }: RopeConfig): Map<string, Float32Array> {
  const values = new Map<string, Float32Array>();
  if (frequencyFactors) values.set(`${FREQUENCIES}.weight`, frequencyFactors);
  if (scaling?.type !== 'longrope') return values;
  values.set(`${LONG}.weight`, Float32Array.from(scaling.long));
  values.set(`${SHORT}.weight`, Float32Array.from(scaling.short));
  return values;
}

/** Divisors of a GGUF file. @throws FormatError when one is no vector */
export async function readRopeFactors(file: TensorFile): Promise<RopeFactors> {
  const read = async (role: string): Promise<Float32Array | undefined> => {
    const entry = file.tensors.get(`${role}.weight`);
    if (entry === undefined) return undefined;
    if (entry.shape.length !== 1)
      throw new FormatError(`${entry.name}: shape is [${entry.shape.join(', ')}], expected a vector`);
    return tensorFromEntry(entry, specOf(role, entry.shape)).load();
  };
  return { frequencies: await read(FREQUENCIES), long: await read(LONG), short: await read(SHORT) };
}
