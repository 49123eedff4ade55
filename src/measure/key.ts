import { sha256Hex } from '../core/hash.ts';
import type { Kernels } from '../kernels/contract.ts';
import type { Network } from '../model/types.ts';
import type { TokenBatch } from './plan.ts';
import { MEASUREMENT_VERSION } from './store.ts';
import type { MeasuredData, MeasurementKey } from './types.ts';

/** What a measurement of this network on this data with these kernels is filed under. */
export async function measurementKey(
  kernels: Pick<Kernels, 'name'>,
  network: Network,
  { sequences, digest }: Pick<MeasuredData, 'sequences' | 'digest'>,
  seed: number,
): Promise<MeasurementKey> {
  return {
    version: MEASUREMENT_VERSION,
    model: await network.fingerprint(),
    text: digest,
    sequences: sequences.sequences,
    sequenceLength: sequences.length,
    seed,
    arithmetic: kernels.name,
  };
}

/** SHA-256 of a text's tokens. */
export async function textDigest({ ids }: TokenBatch): Promise<string> {
  return await sha256Hex(new Uint8Array(new Int32Array(ids).buffer));
}
