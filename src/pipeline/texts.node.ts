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

/** Held-out text in two parts that share no window. */
export interface HeldOut {
  /** What results are measured on. */
  readonly judged: Int32Array;
  /** What predictions learn from; the same as `judged` where the text has no window left. */
  readonly probed: Int32Array;
  /** What searches decide on: those windows and the others that are not judged. */
  readonly searched: Int32Array;
}

/**
 * The first tokens of the evaluation text, of which about `choice.tokens` are judged, as many searched on, and half as many probed.
 * @param length tokens per window
 */
export async function heldOutTokens(
  model: Model,
  choice: TextChoice,
  length = sequenceLength(model),
): Promise<HeldOut> {
  const tokens = await evaluationTokens(model, { ...choice, tokens: 2 * choice.tokens });
  return holdOut(tokens, length, Math.max(1, Math.floor(choice.tokens / length)));
}

/** Tokens of a stretch of text: some pages, so that neighbouring stretches are alike, as chapters are not. */
const STRETCH = 1024;

/**
 * Stretches of text take turns: one is judged, the next searched on, and every second window of that probed. A text with too few
 * windows for that is judged as far as asked, what is left of it serves the others, and where nothing is left they see what is judged.
 * @param length tokens per window
 * @param most windows to judge, default half of them
 */
export function holdOut(tokens: Int32Array, length: number, most?: number): HeldOut {
  const available = Math.floor(tokens.length / length);
  const count = Math.min(most ?? Math.ceil(available / 2), available);
  if (available < 2 || count === available) return { judged: tokens, probed: tokens, searched: tokens };
  const stretch = Math.max(1, Math.round(STRETCH / length));
  const spare = Math.min(available, 2 * count) - count;
  const judged: number[] = [];
  const others: number[] = [];
  for (let w = 0; w < count + spare; w++) {
    const isTurn = Math.floor(w / stretch) % 2 === 0;
    const isJudged = isTurn ? judged.length < count : others.length >= spare;
    (isJudged ? judged : others).push(w);
  }
  const joined = (chosen: readonly number[]): Int32Array => {
    const part = new Int32Array(chosen.length * length);
    for (const [i, w] of chosen.entries()) part.set(tokens.subarray(w * length, (w + 1) * length), i * length);
    return part;
  };
  return { judged: joined(judged), probed: joined(others.filter((_, i) => i % 2 === 0)), searched: joined(others) };
}
