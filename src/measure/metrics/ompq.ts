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
        gram = outputGram(y, layer.width);
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

/** y·yᵀ of evenly spaced tokens, normalized to unit Frobenius norm. */
function outputGram(y: Float32Array, width: number): number[] {
  const count = Math.min(TOKENS, y.length / width);
  const step = Math.floor(y.length / width / count);
  const row = (t: number): Float32Array => y.subarray(t * step * width, (t * step + 1) * width);
  const gram: number[] = [];
  for (let i = 0; i < count; i++)
    for (let j = 0; j < count; j++) {
      const other = row(j);
      gram.push(row(i).reduce((sum, value, c) => sum + value * other[c], 0));
    }
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
