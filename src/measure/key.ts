import type { Network } from '../model/types.ts';
import type { TokenBatch } from './plan.ts';
import { MEASUREMENT_VERSION } from './store.ts';
import type { MeasuredData, MeasurementKey } from './types.ts';

/** What a measurement of this network on this data is filed under. */
export async function measurementKey(
  model: Network,
  { sequences, digest }: Pick<MeasuredData, 'sequences' | 'digest'>,
  seed: number,
): Promise<MeasurementKey> {
  return {
    version: MEASUREMENT_VERSION,
    model: await model.fingerprint(),
    text: digest,
    sequences: sequences.sequences,
    sequenceLength: sequences.length,
    seed,
  };
}

/** SHA-256 of a text's tokens. */
export async function textDigest({ ids }: TokenBatch): Promise<string> {
  const digest = new Uint8Array(await globalThis.crypto.subtle.digest('SHA-256', new Int32Array(ids)));
  return Array.from(digest, (byte) => byte.toString(16).padStart(2, '0')).join('');
}
