import type { WorkOptions } from '../core/progress.ts';
import type { Kernels } from '../kernels/contract.ts';
import type { Model } from '../model/types.ts';
import { estimate } from './calibrate.ts';
import { type Layer, visitLayers } from './metrics/passes/layers.ts';
import { sequenceChunks, type TokenBatch } from './plan.ts';

/** What it is predicted to cost to round the inputs of one matrix. */
export interface PricedActivations {
  readonly tensor: string;
  readonly prices: readonly ActivationPrice[];
}

export interface ActivationPrice {
  readonly bits: number;
  /** Nats of KL per token, and its standard error over sequences. */
  readonly loss: number;
  readonly lossError: number;
}

/**
 * Prices rounding the inputs of every matrix that is multiplied: with g_t the gradient of sampled labels'
 * log-probabilities at the outputs and δx_t what rounding changes of a token's input, ½·E⟨Wᵀg_t, δx_t⟩² per token
 * (docs/cache.md).
 * @param tokens [sequences, length]
 */
export async function priceActivations(
  kernels: Kernels,
  model: Model,
  tokens: TokenBatch,
  { bits, seed, signal, onProgress }: WorkOptions & { readonly bits: readonly number[]; readonly seed: number },
): Promise<PricedActivations[]> {
  const losses = new Map<string, readonly Float64Array[]>();
  for (const chunk of sequenceChunks(tokens)) {
    const visit = async (layer: Layer): Promise<void> => {
      if (layer.inputs === undefined) return;
      const name = layer.tensor.name;
      const sums = losses.get(name) ?? bits.map(() => new Float64Array(tokens.sequences));
      losses.set(name, sums);
      addLayer(kernels, layer, bits, chunk.first, sums);
    };
    await visitLayers(kernels, model, chunk.tokens, { seed: seed + chunk.first, labels: ['sampled'], signal }, visit);
    const done = chunk.first + chunk.tokens.sequences;
    onProgress?.({ stage: 'pricing activations', done, total: tokens.sequences, unit: 'sequences' });
  }
  return [...losses].map(([tensor, sums]) => ({
    tensor,
    prices: bits.map((width, i) => {
      const { mean, standardError } = estimate(sums[i]);
      return { bits: width, loss: mean / (2 * tokens.length), lossError: standardError / (2 * tokens.length) };
    }),
  }));
}

/** sums[width][sequence] += Σ over tokens of ⟨Wᵀg, δx⟩²; of experts over all slots of a token. */
function addLayer(
  kernels: Kernels,
  { inputs, gradients, weight, width, order, length, slots }: Layer,
  bits: readonly number[],
  first: number,
  sums: readonly Float64Array[],
): void {
  const x = inputs!;
  const g = gradients.sampled!;
  const rows = g.length / width;
  const columns = x.length / rows;
  kernels.scope(() => {
    const slope = kernels.f32(rows * columns);
    if (slots === undefined) kernels.matmulNN(g, weight, slope, rows, columns, width);
    else kernels.groupedMatmulNN(g, weight, slots.offsets, slope, columns, width);
    const rounded = kernels.f32(rows * columns);
    for (const [i, each] of bits.entries()) {
      kernels.roundToBits(x.subarray(0, rounded.length), each, rounded);
      const products = new Float64Array(order.length * length);
      for (let row = 0, at = 0; row < rows; row++) {
        let product = 0;
        for (let c = 0; c < columns; c++, at++) product += slope[at] * (rounded[at] - x[at]);
        products[slots === undefined ? row : Math.floor(slots.order[row] / slots.used)] += product;
      }
      for (const [t, product] of products.entries())
        sums[i][first + order[Math.floor(t / length)]] += product * product;
    }
  });
}
