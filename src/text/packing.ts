import { UsageError } from '../core/errors.ts';
import { Random } from '../core/random.ts';

export interface PackOptions {
  /** Tokens per sequence, BOS included. */
  readonly length: number;
  /** Number of sequences. */
  readonly count: number;
  readonly seed: number;
  /** Token put at the start of every sequence, before text; default none. */
  readonly bos?: number;
}

/**
 * Sequences for calibration, spread evenly over the whole text: `count` starts at equal distances from a seeded offset
 * (systematic sampling). They do not overlap when the text is long enough; a shorter text is covered evenly with overlaps.
 * @param tokens the whole text, without BOS
 * @returns [count, length] token ids
 * @throws UsageError when the text is shorter than one sequence, or a number is not a positive integer
 */
export function packSequences(tokens: Int32Array, options: PackOptions): Int32Array {
  const { length, count, seed, bos } = options;
  checkCount('sequence length', length, bos === undefined ? 1 : 2);
  checkCount('sequence count', count, 1);
  const taken = bos === undefined ? length : length - 1;
  if (tokens.length < taken) {
    throw new UsageError(
      `text: has ${tokens.length} tokens, expected at least ${taken} for one sequence; give more text or shorter sequences`,
    );
  }
  // The places where a sequence can start, divided evenly; the last sequence still fits.
  const stride = (tokens.length - taken + 1) / count;
  const offset = new Random(seed).uniform() * stride;
  const packed = new Int32Array(count * length);
  for (let i = 0; i < count; i++) {
    const start = Math.floor(i * stride + offset);
    if (bos !== undefined) packed[i * length] = bos;
    packed.set(tokens.subarray(start, start + taken), (i + 1) * length - taken);
  }
  return packed;
}

export interface WindowOptions {
  /** Tokens per window (llama-perplexity's `-c`, 512 by default there). */
  readonly length: number;
  /** At most this many windows; default all. */
  readonly count?: number;
  /** Token that replaces the first of each window; give it where the tokenizer adds BOS. */
  readonly bos?: number;
}

/**
 * Windows for evaluation exactly as llama-perplexity cuts them: consecutive, not overlapping, the rest dropped, and
 * the first token of each replaced by BOS where the model wants one. (llama-perplexity encodes the whole text with its
 * BOS, so give tokens that were encoded with `special`.)
 * @returns [windows, length] token ids
 * @throws UsageError when the text is shorter than two windows, as llama-perplexity demands
 * @see llama.cpp tools/perplexity/perplexity.cpp, perplexity()
 */
export function windows(tokens: Int32Array, options: WindowOptions): Int32Array {
  const { length, bos } = options;
  checkCount('window length', length, 2);
  if (tokens.length < 2 * length) {
    throw new UsageError(
      `text: has ${tokens.length} tokens, expected at least ${2 * length} for windows of ${length}; give more text or shorter windows`,
    );
  }
  const whole = Math.floor(tokens.length / length);
  const count = Math.min(options.count ?? whole, whole);
  checkCount('window count', count, 1);
  const cut = tokens.slice(0, count * length);
  if (bos !== undefined) for (let i = 0; i < count; i++) cut[i * length] = bos;
  return cut;
}

function checkCount(what: string, value: number, least: number): void {
  if (!Number.isInteger(value) || value < least)
    throw new UsageError(`${what}: found ${value}, expected an integer of at least ${least}`);
}
