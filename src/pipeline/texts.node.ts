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

/** Context of measuring and of verifying, where the model's, or its sliding window, is not shorter. */
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

/** Held-out text in two parts that share no window. */
export interface HeldOut {
  /** What results are measured on. */
  readonly judged: Int32Array;
  /** What predictions learn from; the same as `judged` where the text has one window. */
  readonly probed: Int32Array;
  /** What searches decide on: those windows and the others that are not judged. */
  readonly searched: Int32Array;
}

/** The first tokens of the evaluation text, of which about `choice.tokens` are judged, as many searched on, and half as many probed. */
export async function heldOutTokens(model: Model, choice: TextChoice): Promise<HeldOut> {
  return holdOut(await evaluationTokens(model, { ...choice, tokens: 2 * choice.tokens }), sequenceLength(model));
}

/**
 * Even windows are judged, those between them searched on, and every second one of those probed: neighbouring pages are alike, chapters are not.
 * @param length tokens per window
 */
export function holdOut(tokens: Int32Array, length: number): HeldOut {
  const windows = Array.from({ length: Math.floor(tokens.length / length) }, (_, w) => w);
  if (windows.length < 2) return { judged: tokens, probed: tokens, searched: tokens };
  const joined = (chosen: readonly number[]): Int32Array => {
    const part = new Int32Array(chosen.length * length);
    for (const [i, w] of chosen.entries()) part.set(tokens.subarray(w * length, (w + 1) * length), i * length);
    return part;
  };
  return {
    judged: joined(windows.filter((w) => w % 2 === 0)),
    probed: joined(windows.filter((w) => w % 4 === 1)),
    searched: joined(windows.filter((w) => w % 2 === 1)),
  };
}
