import type { TokenBatch } from '../../measure/plan.ts';
import type { Model } from '../../model/types.ts';
import { SPILL_BYTES } from '../../run/boundaries.ts';
import { betweenBytes, type JobSize, keptBytes, resumeBytes } from './amounts.ts';
import { jobMemory } from './memory.ts';
import type { RoomNeeded } from './types.ts';

/** Share of the free memory that what lives between segments may take before it goes to the disk. */
const BOUNDARY_SHARE = 0.25;

/** Bytes above which what lives between segments goes to the disk: less where memory is short. */
export function boundaryLimit(availableMemory: number): number {
  return Math.min(SPILL_BYTES, BOUNDARY_SHARE * availableMemory);
}

/**
 * What measuring alone needs, for verbs that write no model.
 * @param availableMemory bytes
 */
export function measuringRoom(model: Model, tokens: TokenBatch, threads: number, availableMemory: number): RoomNeeded {
  const size = { model, calibrationTokens: tokens.sequences * tokens.length, evaluationTokens: 0 };
  const spilled = spilledBytes(size, availableMemory);
  const left = { measure: 1, price: 0, quantize: 0, verify: 0, compare: 0 };
  return {
    memoryBytes: jobMemory(size, threads, left, spilled > 0),
    outputBytes: 0,
    keptBytes: keptBytes(size, tokens.length),
    temporaryBytes: resumeBytes(size) + spilled,
  };
}

/** Bytes of what lives between segments, as far as it goes to the disk. */
export function spilledBytes(size: JobSize, availableMemory: number): number {
  const bytes = betweenBytes(size);
  return bytes > boundaryLimit(availableMemory) ? bytes : 0;
}
