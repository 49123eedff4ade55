import type { WorkOptions } from '../core/progress.ts';
import type { Kernels } from '../kernels/contract.ts';
import { bitsOf, edgeOf } from '../model/edge-options.ts';
import type { Model } from '../model/types.ts';
import { decodeRows, encodeRows, format } from '../numeric/table.ts';
import { estimate } from './calibrate.ts';
import { type Layer, type VisitedState, visitLayers } from './metrics/passes/layers.ts';
import { sequenceChunks, type TokenBatch } from './plan.ts';
import type { PricedSite, SiteOptions } from './site-prices.ts';

export interface RunningPriceOptions extends WorkOptions {
  /** Edges and states with what they may be given. */
  readonly sites: readonly SiteOptions[];
  /** Seed of the sampled labels. */
  readonly seed: number;
}

/**
 * Prices what is rounded while a network runs, edges and states, in one pass: with g_t the gradient of sampled labels'
 * log-probabilities at a token's row and δ_t what an option changes of the row, ½·E⟨g_t, δ_t⟩² per token (docs/cache.md).
 * Gradients at states gather what every later token reads of them; those at the inputs of W are Wᵀ times those at its outputs.
 * @param tokens [sequences, length]; their factors need not have been measured
 */
export async function priceRunning(
  kernels: Kernels,
  model: Model,
  tokens: TokenBatch,
  { sites, seed, signal, onProgress }: RunningPriceOptions,
): Promise<PricedSite[]> {
  const sums = new Map(
    sites.map(({ site, options }) => [site, options.map(() => new Float64Array(tokens.sequences))] as const),
  );
  const options = new Map(sites.map((each) => [each.site, each.options]));
  for (const { first, tokens: chunk } of sequenceChunks(tokens)) {
    const visit = async (layer: Layer): Promise<void> => {
      const id = edgeOf(layer.tensor.name);
      const asked = options.get(id);
      if (asked === undefined || layer.inputs === undefined) return;
      addEdge(
        kernels,
        layer,
        asked.map((option) => bitsOf(option, id)),
        first,
        sums.get(id)!,
      );
    };
    const visitState = (state: VisitedState): void => {
      const asked = options.get(state.name);
      if (asked === undefined) return;
      const part = sums.get(state.name)!.map((losses) => losses.subarray(first, first + chunk.sequences));
      addState(kernels, state, asked, chunk, part);
    };
    const pass = { seed: seed + first, labels: ['sampled'] as const, visitState, signal };
    await visitLayers(kernels, model, chunk, pass, visit);
    const done = first + chunk.sequences;
    onProgress?.({ stage: 'pricing run', done, total: tokens.sequences, unit: 'sequences' });
  }
  return sites.map(({ site, options: asked }) => ({
    site,
    prices: asked.map((option, i) => {
      const { mean, standardError } = estimate(sums.get(site)![i]);
      return { option, loss: mean / (2 * tokens.length), lossError: standardError / (2 * tokens.length) };
    }),
  }));
}

/** sums[width][sequence] += Σ over tokens of ⟨Wᵀg, δx⟩²; of experts over all slots of a token. */
function addEdge(
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
