import type { TokenBatch } from '../../measure/plan.ts';
import type { Model } from '../../model/types.ts';
import { betweenBytes, type JobSize, keptBytes, resumeBytes } from './amounts.ts';
import { jobMemory } from './memory.ts';
import { boundaryLimit } from './room.node.ts';
import type { RoomNeeded } from './types.ts';

/** What measuring alone needs, for verbs that write no model. */
export function measuringRoom(model: Model, tokens: TokenBatch, threads: number): RoomNeeded {
  const size = { model, calibrationTokens: tokens.sequences * tokens.length, evaluationTokens: 0 };
  const spilled = spilledBytes(size);
  const left = { measure: 1, price: 0, quantize: 0, verify: 0 };
  return {
    memoryBytes: jobMemory(size, threads, left, spilled > 0),
    outputBytes: 0,
    keptBytes: keptBytes(size, tokens.length),
    temporaryBytes: resumeBytes(size) + spilled,
  };
}

/** Bytes of what lives between segments, as far as it goes to the disk. */
export function spilledBytes(size: JobSize): number {
  const bytes = betweenBytes(size);
  return bytes > boundaryLimit() ? bytes : 0;
}
