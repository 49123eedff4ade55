import { UsageError } from '../core/errors.ts';
import type { TokenBatch } from '../run/sequences.ts';

export type { TokenBatch } from '../run/sequences.ts';

/** Sequences that pass through a block together. */
export interface SequenceBatch {
  /** Sequence numbers, in the order of the rows. */
  readonly order: readonly number[];
  /** Sequences before it in processing order. */
  readonly start: number;
  readonly tokens: number;
  /** 0: even sequences, factors for rounding; 1: odd ones, factors for pricing. */
  readonly half: 0 | 1;
  /** Last batch of its half. */
  readonly last: boolean;
}

/** Tokens of a batch: matrix products reach full speed from about a thousand rows. */
export const BATCH_TOKENS = 2048;

/**
 * Even sequences first, then odd ones, so that the factors of one half are finished before the other's begin.
 * @throws UsageError for fewer than two sequences
 */
export function planBatches(
  tokens: Pick<TokenBatch, 'sequences' | 'length'>,
  batchTokens = BATCH_TOKENS,
): SequenceBatch[] {
  if (tokens.sequences < 2)
    throw new UsageError(
      `calibration text has ${tokens.sequences} sequence(s) of ${tokens.length} tokens, measuring needs at least 2: give more text`,
    );
  const size = Math.max(1, Math.floor(batchTokens / tokens.length));
  const batches: SequenceBatch[] = [];
  let start = 0;
  for (const half of [0, 1] as const) {
    const all = Array.from({ length: tokens.sequences }, (_, s) => s).filter((s) => s % 2 === half);
    const count = Math.ceil(all.length / size);
    for (let i = 0; i < count; i++) {
      // Equal shares, so that no batch is left with a few rows.
      const order = all.slice(Math.floor((i * all.length) / count), Math.floor(((i + 1) * all.length) / count));
      batches.push({ order, start, tokens: order.length * tokens.length, half, last: i === count - 1 });
      start += order.length;
    }
  }
  return batches;
}

/** Whole sequences, some at a time, for passes that keep all their tokens in memory. @param first number of its first sequence */
export function sequenceChunks(
  { sequences, length, ids }: TokenBatch,
  tokensAtOnce = BATCH_TOKENS,
): { readonly first: number; readonly tokens: TokenBatch }[] {
  const step = Math.max(1, Math.floor(tokensAtOnce / length));
  return Array.from({ length: Math.ceil(sequences / step) }, (_, i) => {
    const first = i * step;
    const count = Math.min(step, sequences - first);
    const part = ids.subarray(first * length, (first + count) * length);
    return { first, tokens: { sequences: count, length, ids: part } };
  });
}
