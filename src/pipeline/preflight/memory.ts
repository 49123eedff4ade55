import { SPILL_BYTES } from '../../measure/residual.ts';
import type { JobSize, StepName } from './amounts.ts';

/** Node, the kernels and the tokenizer; what every thread adds. Measured by bench/told.ts. */
const BASE_BYTES = 200e6;
const THREAD_BYTES = 45e6;
/** Logits and their gradients at once. */
const LOGITS_BYTES = 2 * 2 ** 27;

/**
 * Most memory of the process. While measuring: the residual stream at every boundary as far as it is not spilled, the
 * gradient, the head with its logits. Later: the reference's states, a matrix with its curvature in every thread.
 */
export function jobMemory(size: JobSize, threads: number, left: Readonly<Record<StepName, number>>): number {
  const { hidden, layers, vocabulary, feedForward } = size.model.config;
  const state = 4 * size.calibrationTokens * hidden;
  const residuals = state * (layers + 1);
  const head = 4 * hidden * vocabulary;
  const logits = Math.min(LOGITS_BYTES, 8 * size.calibrationTokens * vocabulary);
  const measuring = (residuals > SPILL_BYTES ? 0 : residuals) + 2 * state + 2 * head + logits;
  const rounding = threads * 4 * (4 * feedForward ** 2 + 3 * 2 ** 22);
  const verifying = 4 * size.evaluationTokens * hidden * 4 + 2 * head + logits;
  return (
    BASE_BYTES +
    threads * THREAD_BYTES +
    Math.max(left.measure > 0 ? measuring : 0, rounding, left.verify > 0 ? verifying : 0)
  );
}
