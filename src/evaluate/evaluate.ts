import { UsageError } from '../core/errors.ts';
import { checkpoint, type WorkOptions } from '../core/progress.ts';
import type { Kernels } from '../kernels/contract.ts';
import type { Model } from '../model/types.ts';
import { type Head, hiddenStates, openHead } from '../run/forward.ts';
import { frameOf } from '../text/frame.ts';
import { emptyScores, scoreRows, type TokenScores } from './scores.ts';
import { summarize } from './summary.ts';
import type { Evaluation } from './types.ts';
import { vectorScores, windowVectors } from './vectors.ts';
import { batchOf, labelsOf, type ScoredWindows, scoredRows, scoredWindows, textWindows } from './windows.ts';

/** Bytes of both models' logits that are held at once. */
const logitBytes = 2 ** 28;

export interface EvaluateOptions extends WorkOptions {
  /** Tokens per window, default 512, or the model's context or sliding window when that is shorter. */
  length?: number;
  /** First scored position of a window, default length / 2, as llama-perplexity. */
  firstScored?: number;
  /** Most windows to take, default all. */
  windows?: number;
  /** States of the reference on the same text, when they are known already. */
  referenceStates?: ReferenceStates;
}

/** What the reference thinks of a text: computed once, compared with many candidates. */
export interface ReferenceStates {
  readonly windows: ScoredWindows;
  /** Final hidden states of the scored positions, [scored, hidden]; of encoders the windows' vectors. */
  readonly states: Float32Array;
}

/** Runs the reference over a text. */
export async function referenceStates(
  kernels: Kernels,
  reference: Model,
  tokens: Int32Array,
  options: EvaluateOptions = {},
): Promise<ReferenceStates> {
  const windows = evaluationWindows(reference, tokens, options);
  const states =
    reference.config.embedding === undefined
      ? await scoredStates(kernels, reference, windows, options)
      : await windowVectors(kernels, reference, windows, options);
  return { windows, states };
}

/** A text cut as a model is evaluated on it. */
export function evaluationWindows(
  { config, tokenizer }: Model,
  tokens: Int32Array,
  options: EvaluateOptions = {},
): ScoredWindows {
  const length = options.length ?? Math.min(512, config.contextLength);
  if (config.embedding !== undefined) return textWindows(tokens, { ...options, length, frame: frameOf(tokenizer) });
  const bos = tokenizer.addBos ? tokenizer.bos : undefined;
  return scoredWindows(tokens, { ...options, length, bos });
}

/**
 * True KL, perplexity and top-1 agreement of a candidate against its reference, in float32 on both sides: what the
 * weights alone cost. Blocks are streamed; the candidate may be a view whose tensors load rounded values.
 * Standard errors are per token, as llama-perplexity's.
 * @throws UsageError when the vocabularies differ
 */
export async function evaluateModels(
  kernels: Kernels,
  reference: Model,
  candidate: Model,
  tokens: Int32Array,
  options: EvaluateOptions = {},
): Promise<Evaluation> {
  return summarize(await scoreModels(kernels, reference, candidate, tokens, options));
}

/** The per-token scores behind `evaluateModels`. */
export async function scoreModels(
  kernels: Kernels,
  reference: Model,
  candidate: Model,
  tokens: Int32Array,
  options: EvaluateOptions = {},
): Promise<TokenScores> {
  if (reference.config.vocabulary !== candidate.config.vocabulary) {
    throw new UsageError(
      `models: vocabularies of ${reference.config.vocabulary} and ${candidate.config.vocabulary} tokens cannot be compared`,
    );
  }
  const { windows, states } = options.referenceStates ?? (await referenceStates(kernels, reference, tokens, options));
  if (reference.config.embedding !== undefined) {
    const vectors = await windowVectors(kernels, candidate, windows, options);
    return vectorScores(states, vectors, windows.tokens.length / windows.length);
  }
  const candidateStates = await scoredStates(kernels, candidate, windows, options);
  const heads = [await openHead(kernels.device, reference), await openHead(kernels.device, candidate)];
  try {
    return await compare(
      kernels,
      heads,
      [states, candidateStates],
      labelsOf(windows),
      reference.config.vocabulary,
      options.signal,
    );
  } finally {
    for (const head of heads) head.close();
  }
}

/** Final hidden states of the scored positions, [scored, hidden] in JS memory. */
export async function scoredStates(
  kernels: Kernels,
  model: Model,
  windows: ScoredWindows,
  options: WorkOptions,
): Promise<Float32Array> {
  return scoredRows(windows, await hiddenStates(kernels.device, model, batchOf(windows), options), model.config.hidden);
}

/** Rows of logits of both models that are held at once. */
export function comparedAtOnce(count: number, vocabulary: number): number {
  return Math.max(1, Math.min(count, Math.floor(logitBytes / (8 * vocabulary))));
}

async function compare(
  kernels: Kernels,
  heads: readonly Head[],
  states: readonly Float32Array[],
  labels: Int32Array,
  vocabulary: number,
  signal?: AbortSignal,
): Promise<TokenScores> {
  const count = labels.length;
  const scores = emptyScores(count);
  const step = comparedAtOnce(count, vocabulary);
  for (let first = 0; first < count; first += step) {
    await checkpoint(signal);
    const m = Math.min(step, count - first);
    const logits: Float32Array[] = [];
    for (const [i, head] of heads.entries())
      logits.push(await logitsOf(kernels, head, states[i], first, m, count, vocabulary));
    scoreRows(kernels, logits[0], logits[1], labels, first, vocabulary, scores);
    kernels.free(...logits);
  }
  return scores;
}

/** Logits of `m` states from row `first`, in the backend's memory; the caller frees them. */
export async function logitsOf(
  kernels: Kernels,
  head: Head,
  states: Float32Array,
  first: number,
  m: number,
  count: number,
  vocabulary: number,
): Promise<Float32Array> {
  const hidden = states.length / count;
  const logits = kernels.f32(m * vocabulary);
  await head.logits(states.subarray(first * hidden, (first + m) * hidden), logits, m);
  return logits;
}
