import type { Layer } from './passes/layers.ts';
import { runsOf } from './passes/runs.ts';

/** What one sequence's gradient makes of a change of a layer's outputs. */
export interface SequenceProducts {
  readonly sequence: number;
  /** ⟨G_s, δW⟩ = Σ_t g_t·δy_t */
  readonly inner: number;
  /** Its square, or where labels of different tokens are independent (head) the square's mean over labels. */
  readonly square: number;
  /**
   * Σ_t g_ti·δy_ti of every output i, of stacked matrices of every one that the sequence reached; at the head only their
   * squares' sum is known, by label means.
   */
  readonly perOutput: Float64Array;
  /** Σ_i (Σ_t g_ti·δy_ti)² */
  readonly rows: number;
  /** Σ_t Σ_i (g_ti·δy_ti)² */
  readonly tokens: number;
}

/**
 * Products of gradients and output changes, sequence by sequence.
 * @param gradient at the layer's outputs, [tokens, width]
 * @param outputs δy, [tokens, width]
 */
export function* sequenceProducts(
  layer: Layer,
  gradient: Float32Array,
  outputs: Float32Array,
): Generator<SequenceProducts> {
  const { length, width } = layer;
  for (const runs of Map.groupBy(runsOf(layer), ({ place }) => place).values()) {
    const { place, sequence } = runs[0];
    const perOutput = new Float64Array(runs.length * width);
    let tokens = 0;
    for (const [r, { from, to }] of runs.entries())
      for (let at = from * width; at < to * width; )
        for (let i = r * width; i < (r + 1) * width; i++, at++) {
          const product = gradient[at] * outputs[at];
          perOutput[i] += product;
          tokens += product * product;
        }
    const inner = perOutput.reduce((sum, value) => sum + value, 0);
    const rows = perOutput.reduce((sum, value) => sum + value * value, 0);
    if (layer.use !== 'head') yield { sequence, inner, square: inner * inner, perOutput, rows, tokens };
    else {
      const square = labelVariance(gradient, outputs, place * length, (place + 1) * length, width);
      yield { sequence, inner, square, perOutput, rows: square, tokens: square };
    }
  }
}

/** Σ_t Var_p(δy_t): the mean over labels of (g·δy)² with g = onehot(ŷ) − p. */
function labelVariance(gradient: Float32Array, outputs: Float32Array, from: number, to: number, width: number): number {
  let sum = 0;
  for (let t = from; t < to; t++) {
    let [mean, square] = [0, 0];
    for (let at = t * width; at < (t + 1) * width; at++) {
      const p = gradient[at] > 0 ? 1 - gradient[at] : -gradient[at];
      mean += p * outputs[at];
      square += p * outputs[at] * outputs[at];
    }
    sum += square - mean * mean;
  }
  return sum;
}
