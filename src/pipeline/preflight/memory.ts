import { usedSlots } from '../../graph/uses.ts';
import { EXPERT_BYTES } from '../../measure/measure.ts';
import { betweenBytes, type JobSize } from './amounts.ts';
import type { StepName } from './types.ts';

/** Node, the kernels and the tokenizer; what every thread adds. Measured by bench/told.ts. */
const BASE_BYTES = 200e6;
const THREAD_BYTES = 45e6;
/** Logits of a chunk, and what is computed from them. */
const LOGITS_BYTES = 1.5 * 2 ** 27;

/**
 * Most memory of the process. While measuring: what lives between segments as far as it is not spilled, the
 * gradient, the head with its logits, and experts some at a time. Later: the reference's states, a matrix with its curvature in every thread.
 * @param isSpilled what lives between segments lies on the disk
 */
export function jobMemory(
  size: JobSize,
  threads: number,
  left: Readonly<Record<StepName, number>>,
  isSpilled: boolean,
): number {
  const { hidden, vocabulary, feedForward } = size.model.config;
  const state = 4 * size.calibrationTokens * hidden;
  const head = 4 * hidden * vocabulary;
  const logits = Math.min(LOGITS_BYTES, 8 * size.calibrationTokens * vocabulary);
  const experts = usedSlots(size.model.graph).size > 0 ? EXPERT_BYTES : 0;
  const measuring = (isSpilled ? 0 : betweenBytes(size)) + 2 * state + head + logits + experts;
  const rounding = threads * 4 * (4 * feedForward ** 2 + 3 * 2 ** 22);
  const verifying = 4 * size.evaluationTokens * hidden * 4 + head + logits;
  return (
    BASE_BYTES +
    threads * THREAD_BYTES +
    Math.max(left.measure > 0 ? measuring : 0, rounding, left.verify > 0 ? verifying : 0)
  );
}
