import type { WorkOptions } from '../core/progress.ts';
import { type CacheState, cacheStates } from '../graph/states.ts';
import type { Kernels } from '../kernels/contract.ts';
import type { Model } from '../model/types.ts';
import { decodeRows, encodeRows, format } from '../numeric/table.ts';
import { estimate } from './calibrate.ts';
import { type VisitedState, visitLayers } from './metrics/passes/layers.ts';
import { sequenceChunks, type TokenBatch } from './plan.ts';

/** What it is predicted to cost to keep a state in a format. */
export interface CachePrice {
  readonly format: string;
  /** Nats of KL per token, and its standard error over sequences. */
  readonly loss: number;
  readonly lossError: number;
}

export interface PricedCache extends CacheState {
  /** In the order of the formats given for it. */
  readonly prices: readonly CachePrice[];
}

export interface CachePriceOptions extends WorkOptions {
  /** Number formats to price a state in, whose blocks do not straddle its heads. */
  formatsOf(state: CacheState): readonly string[];
  /** Seed of the sampled labels. */
  readonly seed: number;
}

/**
 * Prices the KV cache by the form of docs/cache.md: gradients of sampled labels' log-probabilities at the keys (after
 * RoPE) and values, which gather what every later token reads of them, times the errors that each format makes of them.
 * @param tokens [sequences, length]; their factors need not have been measured
 */
export async function priceCache(
  kernels: Kernels,
  model: Model,
  tokens: TokenBatch,
  { formatsOf, seed, signal, onProgress }: CachePriceOptions,
): Promise<PricedCache[]> {
  const states = cacheStates(model.graph).map((state) => {
    const formats = formatsOf(state);
    // Per format and sequence.
    return { state, formats, sums: formats.map(() => new Float64Array(tokens.sequences)) };
  });
  const byName = new Map(states.map((each) => [each.state.name, each]));
  for (const { first, tokens: chunk } of sequenceChunks(tokens)) {
    const visitState = (state: VisitedState): void => {
      const { formats, sums } = byName.get(state.name)!;
      const part = sums.map((losses) => losses.subarray(first, first + chunk.sequences));
      addState(kernels, state, formats, chunk, part);
    };
    const options = { seed: seed + first, labels: ['sampled'] as const, visitState, signal };
    await visitLayers(kernels, model, chunk, options, async () => {});
    const done = first + chunk.sequences;
    onProgress?.({ stage: 'pricing cache', done, total: tokens.sequences, unit: 'sequences' });
  }
  return states.map(({ state, formats, sums }) => ({
    ...state,
    prices: formats.map((format, i) => {
      const { mean, standardError } = estimate(sums[i]);
      return { format, loss: mean / (2 * tokens.length), lossError: standardError / (2 * tokens.length) };
    }),
  }));
}

function addState(
  kernels: Kernels,
  { values, gradient, headDim }: VisitedState,
  formats: readonly string[],
  { sequences, length }: TokenBatch,
  losses: readonly Float64Array[],
): void {
  for (const [i, name] of formats.entries()) {
    const rounded = Float32Array.from(values);
    if (name !== 'F32') {
      const stored = format(name);
      decodeRows(stored, encodeRows(stored, rounded, headDim, undefined, undefined, kernels), headDim, rounded);
    }
    addSequences(values, rounded, gradient, values.length / sequences / length, losses[i]);
  }
}

/** losses_s += Σ over tokens of ⟨gradient, rounded − values⟩². */
function addSequences(
  values: Float32Array,
  rounded: Float32Array,
  gradient: Float32Array,
  width: number,
  losses: Float64Array,
): void {
  const perSequence = values.length / losses.length;
  for (let at = 0; at < values.length; ) {
    const sequence = Math.floor(at / perSequence);
    let product = 0;
    for (let i = 0; i < width; i++, at++) product += gradient[at] * (rounded[at] - values[at]);
    losses[sequence] += product * product;
  }
}
