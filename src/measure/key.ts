import type { Model } from '../model/types.ts';
import type { TokenBatch } from './plan.ts';
import { MEASUREMENT_VERSION } from './store.ts';
import type { MeasurementKey } from './types.ts';

/** What a measurement of this model on these tokens is filed under. */
export async function measurementKey(model: Model, tokens: TokenBatch, seed: number): Promise<MeasurementKey> {
  return {
    version: MEASUREMENT_VERSION,
    model: await model.fingerprint(),
    text: await sha256(new Int32Array(tokens.ids)),
    sequences: tokens.sequences,
    sequenceLength: tokens.length,
    seed,
  };
}

async function sha256(values: Int32Array<ArrayBuffer>): Promise<string> {
  const digest = new Uint8Array(await globalThis.crypto.subtle.digest('SHA-256', values));
  return Array.from(digest, (byte) => byte.toString(16).padStart(2, '0')).join('');
}
