import type { TokenBatch } from '../measure/plan.ts';
import type { Model } from '../model/types.ts';
import { assetPath, calibrationText, evaluationText } from '../text/assets.node.ts';
import { loadText } from '../text/load.node.ts';
import { packSequences } from '../text/packing.ts';

/** Where text comes from: files the user named, or the package's own. */
export interface TextChoice {
  readonly files?: readonly string[];
  /** Most tokens to use. */
  readonly tokens: number;
}

/** Context of measuring and of verifying, where the model's is not shorter. */
const SEQUENCE_LENGTH = 512;

/** Tokens per sequence for measuring and evaluating this model. */
export function sequenceLength(model: Model): number {
  return Math.min(SEQUENCE_LENGTH, model.config.contextLength);
}

/** Sequences spread evenly over the calibration text. */
export async function calibrationTokens(model: Model, choice: TextChoice, seed: number): Promise<TokenBatch> {
  const { text } = await loadText(choice.files ?? [assetPath(calibrationText)]);
  const length = sequenceLength(model);
  const tokens = model.tokenizer.encode(text);
  const sequences = Math.max(2, Math.floor(Math.min(choice.tokens, tokens.length) / length));
  const bos = model.tokenizer.addBos ? model.tokenizer.bos : undefined;
  return { sequences, length, ids: packSequences(tokens, { length, count: sequences, seed, bos }) };
}

/** The first tokens of the evaluation text. */
export async function evaluationTokens(model: Model, choice: TextChoice): Promise<Int32Array> {
  const { text } = await loadText(choice.files ?? [assetPath(evaluationText)]);
  return model.tokenizer.encode(text, { special: true }).subarray(0, choice.tokens);
}
