import type { Layer } from './passes/layers.ts';
import { runsOf, tokenOf } from './passes/runs.ts';
import type { LayerMetric, Score, ScoreTable } from './types.ts';

/** Tokens whose outputs are compared. */
const TOKENS = 64;
/** β of the paper: how strongly a layer that repeats others is punished. */
const SHARPNESS = 1;
/** Bits of a matrix that is left alone. */
const FULL_BITS = 16;

/** Orthogonality: a layer whose outputs repeat what other layers' say may lose bits. */
export const ompq: LayerMetric = {
  name: 'ompq',
  stage: 'layers',
  needs: 'activations',
  changes: false,
  cost: () => 1,
  nats: false,
  source: 'Ma et al., OMPQ (2023), equations (6) to (9)',
  equation: 'e^(−β·γ_l)·(16 − bits), γ_l mean over j≠l of |Y_jᵀY_l|²_F / (|Y_jᵀY_j|_F·|Y_lᵀY_l|_F)',
  collect({ kernels }) {
    let gram: number[] = [];
    return {
      layer(layer) {
        // A matrix seen in parts or in two roles is judged by the first.
        if (gram.length > 0) return;
        const y = layer.outputs(layer.weight);
        gram = outputGram(y, layer);
        kernels.free(y);
      },
      scores: (changes) =>
        changes.map(({ bits }, i): Score => ({ value: FULL_BITS - bits, vector: i === 0 ? gram : [] })),
    };
  },
  finish(table) {
    const weights = orthogonalWeights(table);
    return new Map(
      [...table].map(([name, scores]) => [name, scores.map(({ value }) => ({ value: value * weights.get(name)! }))]),
    );
  },
};

/**
 * y·yᵀ of evenly spaced tokens, normalized to unit Frobenius norm. Outputs of stacked matrices stand side by side, zeros
 * where a token got none.
 */
function outputGram(y: Float32Array, layer: Layer): number[] {
  const { width, order, length } = layer;
  const all = order.length * length;
  const count = Math.min(TOKENS, all);
  const step = Math.floor(all / count);
  // Outputs of the chosen tokens, by matrix.
  const chosen = Array.from({ length: count }, () => new Map<number, Float32Array>());
  for (const { expert, from, to } of runsOf(layer))
    for (let row = from; row < to; row++) {
      const token = tokenOf(layer, row);
      if (token % step === 0) chosen[token / step]?.set(expert, y.subarray(row * width, (row + 1) * width));
    }
  const inner = (one: Map<number, Float32Array>, other: Map<number, Float32Array>): number => {
    let sum = 0;
    for (const [expert, values] of one) {
      const same = other.get(expert);
      if (same !== undefined) for (let c = 0; c < width; c++) sum += values[c] * same[c];
    }
    return sum;
  };
  const gram = chosen.flatMap((one) => chosen.map((other) => inner(one, other)));
  const norm = Math.hypot(...gram);
  return norm > 0 ? gram.map((value) => Number((value / norm).toPrecision(7))) : gram;
}

/** |Y_jᵀY_l|²_F is the inner product of the Gram matrices over tokens. */
function orthogonalWeights(table: ScoreTable): Map<string, number> {
  const grams = [...table].map(([name, scores]) => [name, scores[0].vector!] as const);
  return new Map(
    grams.map(([name, gram]) => {
      const others = grams.filter(([other]) => other !== name);
      const overlap = others.reduce((sum, [, other]) => sum + gram.reduce((dot, v, i) => dot + v * other[i], 0), 0);
      return [name, Math.exp((-SHARPNESS * overlap) / Math.max(1, others.length))];
    }),
  );
}
