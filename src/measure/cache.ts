import type { WorkOptions } from '../core/progress.ts';
import type { Kernels } from '../kernels/contract.ts';
import type { Model, ModelConfig } from '../model/types.ts';
import { roundRows } from '../run/cache.ts';
import { estimate } from './calibrate.ts';
import { type VisitedBlock, visitLayers } from './metrics/passes/layers.ts';
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
  const { config } = model;
  const sums = openSums(config, formats, tokens.sequences);
  for (const { first, tokens: chunk } of sequenceChunks(tokens)) {
    const visitBlock = (block: VisitedBlock): void => addBlock(kernels, config, block, formats, first, sums);
    const options = { seed: seed + first, labels: ['sampled'] as const, visitBlock, signal };
    await visitLayers(kernels, model, chunk, options, async () => {});
    const done = first + chunk.sequences;
    onProgress?.({ stage: 'pricing cache', done, total: tokens.sequences, unit: 'sequences' });
  }
  return sums.map(({ kind, layer, losses }) => ({
    kind,
    layer,
    prices: formats.map((format, i) => {
      const { mean, standardError } = estimate(losses[i]);
      return { format, loss: mean / (2 * tokens.length), lossError: standardError / (2 * tokens.length) };
    }),
  }));
}

interface CacheSums {
  readonly kind: 'k' | 'v';
  readonly layer: number;
  /** Per format and sequence. */
  readonly losses: readonly Float64Array[];
}

function openSums({ layers }: ModelConfig, formats: readonly string[], sequences: number): CacheSums[] {
  return (['k', 'v'] as const).flatMap((kind) =>
    Array.from({ length: layers }, (_, layer) => ({
      kind,
      layer,
      losses: formats.map(() => new Float64Array(sequences)),
    })),
  );
}

function addBlock(
  kernels: Kernels,
  config: ModelConfig,
  { layer, batch, kept, gradients }: VisitedBlock,
  formats: readonly string[],
  first: number,
  sums: readonly CacheSums[],
): void {
  const d = gradients.get('sampled')!;
  const { kvHeads: heads, headDim } = config;
  kernels.scope(() => {
    // The backward pass has taken this gradient back through RoPE; the cache holds keys behind it.
    const dk = kernels.upload(d.kNormed ?? d.k);
    kernels.rope(dk, batch.positions, batch.ropeTable, { heads, headDim, ...config.rope });
    const both = { k: [kept.k, dk], v: [kept.v, d.v] } as const;
    for (const { kind, layer: at, losses } of sums) {
      if (at !== layer) continue;
      const [values, gradient] = both[kind];
      for (const [i, format] of formats.entries()) {
        const rounded = Float32Array.from(values);
        roundRows(kernels, format, rounded, headDim);
        addSequences(values, rounded, gradient, heads * headDim, losses[i].subarray(first, first + batch.sequences));
      }
    }
  });
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
