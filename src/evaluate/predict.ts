import type { Model } from '../model/types.ts';
import { Footprint, type Scratch } from '../run/footprint.ts';
import { countHead, countStates } from '../run/predict.ts';
import { comparedAtOnce, type EvaluateOptions, evaluationWindows } from './evaluate.ts';
import { batchOf } from './windows.ts';

/** Numbers per row that a comparison takes and gives: a label, KL, two likelihoods, agreement. */
const NUMBERS_PER_ROW = 5;

/**
 * Bytes of kernel memory at the highest while a candidate is evaluated against its reference: to the byte, the device's own
 * tables and the scratch of its threads apart.
 */
export function evaluationBytes(
  reference: Model,
  candidate: Model,
  tokens: Int32Array,
  options: EvaluateOptions,
  scratch: Scratch,
): number {
  const footprint = new Footprint(scratch);
  const windows = evaluationWindows(reference, tokens, options);
  for (const model of [reference, candidate]) countStates(footprint, model, batchOf(windows));
  const { vocabulary } = reference.config;
  const rows = comparedAtOnce((windows.tokens.length / windows.length) * windows.scoredPerWindow, vocabulary);
  for (const [name, model] of Object.entries({ reference, candidate })) {
    footprint.hold(`logits of ${name}`, 4 * rows * vocabulary);
    countHead(footprint, model, rows, name);
  }
  footprint.touch(...new Array<number>(NUMBERS_PER_ROW).fill(4 * rows));
  return footprint.peak;
}
