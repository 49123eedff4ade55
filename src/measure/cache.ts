import type { WorkOptions } from '../core/progress.ts';
import type { Graph } from '../graph/types.ts';
import type { Kernels } from '../kernels/contract.ts';
import type { Model } from '../model/types.ts';
import { decodeRows, encodeRows, format } from '../numeric/table.ts';
import { estimate } from './calibrate.ts';
import { type VisitedState, visitLayers } from './metrics/passes/layers.ts';
import { sequenceChunks, type TokenBatch } from './plan.ts';

/** What it is predicted to cost to keep the keys or the values of one block in a format. */
export interface CachePrice {
  readonly format: string;
  /** Nats of KL per token, and its standard error over sequences. */
  readonly loss: number;
  readonly lossError: number;
}

export interface PricedCache {
  readonly kind: 'k' | 'v';
  readonly layer: number;
  /** In the order of the formats given. */
  readonly prices: readonly CachePrice[];
}

export interface CachePriceOptions extends WorkOptions {
  /** Number formats to price, whose blocks do not straddle heads. */
  readonly formats: readonly string[];
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
  { formats, seed, signal, onProgress }: CachePriceOptions,
): Promise<PricedCache[]> {
  /** By state: per format and sequence. */
  const sums = new Map<string, Float64Array[]>();
  for (const { first, tokens: chunk } of sequenceChunks(tokens)) {
    const visitState = (state: VisitedState): void => {
      const found = sums.get(state.name) ?? formats.map(() => new Float64Array(tokens.sequences));
      sums.set(state.name, found);
      const part = found.map((losses) => losses.subarray(first, first + chunk.sequences));
      addState(kernels, state, formats, chunk, part);
    };
    const options = { seed: seed + first, labels: ['sampled'] as const, visitState, signal };
    await visitLayers(kernels, model, chunk, options, async () => {});
    const done = first + chunk.sequences;
    onProgress?.({ stage: 'pricing cache', done, total: tokens.sequences, unit: 'sequences' });
  }
  return statesOf(model.graph).map(({ name, kind, layer }) => ({
    kind,
    layer,
    prices: formats.map((format, i) => {
      const { mean, standardError } = estimate(sums.get(name)![i]);
      return { format, loss: mean / (2 * tokens.length), lossError: standardError / (2 * tokens.length) };
    }),
  }));
}

/** Keys of all blocks, then values. */
function statesOf({ nodes }: Graph): { name: string; kind: 'k' | 'v'; layer: number }[] {
  const named = nodes
    .filter(({ op }) => op === 'cache')
    .map(({ attributes }) => attributes as { state: string; kind: string });
  return (['k', 'v'] as const).flatMap((kind) =>
    named.filter((state) => state.kind === kind).map(({ state }, layer) => ({ name: state, kind, layer })),
  );
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
