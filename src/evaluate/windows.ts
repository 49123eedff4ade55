import { UsageError } from '../core/errors.ts';
import type { TokenBatch } from '../run/sequences.ts';
import { type Frame, framed } from '../text/frame.ts';

/** Text cut for scoring: equal windows, of which the second part is scored with at least `firstScored` tokens of context. */
export interface ScoredWindows {
  /** [windows, length] */
  readonly tokens: Int32Array;
  /** Tokens per window. */
  readonly length: number;
  /** First position of a window whose prediction is scored. */
  readonly firstScored: number;
  /** Predictions scored per window: positions firstScored … length − 2, each predicting the next token. */
  readonly scoredPerWindow: number;
}

/**
 * Cuts tokens into windows as llama-perplexity does: no overlap, the rest dropped, the first token of each replaced by
 * BOS when the model wants one, the second half scored.
 * @param options.length tokens per window, default 512
 * @param options.firstScored default length / 2
 * @throws UsageError when the text is shorter than a window
 * @see llama.cpp tools/perplexity/perplexity.cpp, `kl_divergence`
 */
export function scoredWindows(
  tokens: Int32Array,
  options: { length?: number; firstScored?: number; bos?: number; windows?: number } = {},
): ScoredWindows {
  const length = options.length ?? 512;
  const firstScored = options.firstScored ?? Math.floor(length / 2);
  if (!(firstScored >= 0 && firstScored < length - 1)) {
    throw new UsageError(`evaluation: first scored position ${firstScored} is not within windows of ${length}`);
  }
  const count = Math.min(Math.floor(tokens.length / length), options.windows ?? Number.POSITIVE_INFINITY);
  if (count < 1)
    throw new UsageError(`evaluation text: ${tokens.length} tokens, expected at least one window of ${length}`);
  const cut = tokens.slice(0, count * length);
  if (options.bos !== undefined) for (let window = 0; window < count; window++) cut[window * length] = options.bos;
  return { tokens: cut, length, firstScored, scoredPerWindow: length - 1 - firstScored };
}

/**
 * The same for encoders: every window is a text of its own, whose first and last tokens make room for what the model wants around
 * one. A window is scored once, as a whole.
 */
export function textWindows(
  tokens: Int32Array,
  { frame, ...options }: { length: number; windows?: number; frame: Frame },
): ScoredWindows {
  const { length, windows } = options;
  const cut = scoredWindows(tokens, { length, windows, firstScored: 0 }).tokens;
  for (let start = 0; start < cut.length; start += length) framed(cut.subarray(start, start + length), frame);
  return { tokens: cut, length, firstScored: 0, scoredPerWindow: 1 };
}

/** All windows as sequences. */
export function batchOf({ tokens, length }: ScoredWindows): TokenBatch {
  return { ids: tokens, length, sequences: tokens.length / length };
}

/** The token that each scored prediction should give, in order. */
export function labelsOf(windows: ScoredWindows): Int32Array {
  const { tokens, length, firstScored, scoredPerWindow } = windows;
  const labels = new Int32Array((tokens.length / length) * scoredPerWindow);
  for (let i = 0; i < labels.length; i++) {
    const window = Math.floor(i / scoredPerWindow);
    labels[i] = tokens[window * length + firstScored + (i % scoredPerWindow) + 1];
  }
  return labels;
}

/** Rows of [tokens, width] that are scored, in order. */
export function scoredRows(windows: ScoredWindows, rows: Float32Array, width: number): Float32Array {
  const { tokens, length, firstScored, scoredPerWindow } = windows;
  const count = tokens.length / length;
  const kept = new Float32Array(count * scoredPerWindow * width);
  for (let window = 0; window < count; window++) {
    const start = (window * length + firstScored) * width;
    kept.set(rows.subarray(start, start + scoredPerWindow * width), window * scoredPerWindow * width);
  }
  return kept;
}
