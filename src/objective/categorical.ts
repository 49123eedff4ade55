import { Random } from '../core/random.ts';
import type { Objective } from './types.ts';

/**
 * Language models and classifiers: outputs are logits, labels are drawn from their softmax, and models are compared by
 * the KL divergence of their distributions.
 */
export const categorical: Objective = {
  name: 'categorical',
  score: (build, output) => {
    const draws = build.input('draws', 'f32', [build.typeOf(output).shape[0]]);
    const [gradient, curvature] = build.nodes('sampledScore', [output, draws], { state: 'probability' });
    build.nodes('probabilitySquares', [gradient], { state: 'probability squares' });
    return { gradient, curvature };
  },
  draws: (seed, order, rows) => {
    const uniform = new Float32Array(order.length * rows);
    for (const [s, sequence] of order.entries()) {
      const random = new Random(seed).fork(`labels of sequence ${sequence}`);
      // 24 bits are exact in float32 and stay below 1.
      for (let t = 0; t < rows; t++) uniform[s * rows + t] = (random.uint32() >>> 8) / 2 ** 24;
    }
    return uniform;
  },
  sums: [
    { state: 'probability', type: 'f32' },
    { state: 'probability squares', type: 'f64' },
  ],
  // E[g_i²] is E[p_i·(1 − p_i)]: known without sampling.
  energy: ([probability, squares]) => Float64Array.from(squares, (square, i) => Math.max(0, probability[i] - square)),
  divergence: (kernels, reference, outputs, width) =>
    kernels.scope(() => {
      const rows = outputs.length / width;
      const kl = kernels.f32(rows);
      const [nllP, nllQ, agree] = [kernels.f32(rows), kernels.f32(rows), kernels.f32(rows)];
      kernels.compareLogits(reference, outputs, kernels.i32(rows), width, { kl, nllP, nllQ, agree });
      return Float32Array.from(kl);
    }),
};
