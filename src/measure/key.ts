import { sha256Hex } from '../core/hash.ts';
import type { Kernels } from '../kernels/contract.ts';
import type { Model } from '../model/types.ts';
import type { TokenBatch } from './plan.ts';
import { MEASUREMENT_VERSION } from './store.ts';
import type { MeasurementKey } from './types.ts';

/** What a measurement of this model on these tokens with these kernels is filed under. */
export async function measurementKey(
  kernels: Pick<Kernels, 'name'>,
  model: Model,
  tokens: TokenBatch,
  seed: number,
): Promise<MeasurementKey> {
  return {
    version: MEASUREMENT_VERSION,
    model: await model.fingerprint(),
    text: await sha256Hex(new Uint8Array(new Int32Array(tokens.ids).buffer)),
    sequences: tokens.sequences,
    sequenceLength: tokens.length,
    seed,
    arithmetic: kernels.name,
  };
}
