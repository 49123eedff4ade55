import { Random } from '../core/random.ts';
import type { Objective } from './types.ts';

/**
 * Noise predictors, embeddings, regression, dense maps: outputs are the means of normal distributions, labels are drawn
 * around them, and models are compared by squared error in units of the outputs' own spread, halved, as the KL divergence
 * of two such distributions is.
 * @param spread standard deviation of the outputs over data
 */
export function gaussian(spread: number): Objective {
  return {
    name: 'gaussian',
    // ∇ log p(ŷ) = (ŷ − y) / spread²: a unit normal over the spread, whatever y is.
    score: (build, output) => {
      const { type, shape } = build.typeOf(output);
      return { gradient: build.input('draws', type, shape) };
    },
    draws: (seed, order, rows, width) => {
      const each = rows * width;
      const normal = new Float32Array(order.length * each);
      for (const [s, sequence] of order.entries()) {
        const random = new Random(seed).fork(`labels of sequence ${sequence}`);
        for (let i = 0; i < each; i++) normal[s * each + i] = random.normal() / spread;
      }
      return normal;
    },
    sums: [],
    energy: () => {
      throw new RangeError('a gaussian output keeps no sums');
    },
    divergence: (_, reference, outputs, width) => {
      const rows = new Float32Array(outputs.length / width);
      for (let row = 0, at = 0; row < rows.length; row++) {
        let squares = 0;
        for (let i = 0; i < width; i++, at++) squares += (outputs[at] - reference[at]) ** 2;
        rows[row] = squares / (2 * spread * spread);
      }
      return rows;
    },
  };
}

/** Standard deviation of numbers around their mean: the spread of outputs. */
export function spreadOf(outputs: Float32Array): number {
  const mean = outputs.reduce((sum, value) => sum + value, 0) / outputs.length;
  return Math.sqrt(outputs.reduce((sum, value) => sum + (value - mean) ** 2, 0) / outputs.length);
}
