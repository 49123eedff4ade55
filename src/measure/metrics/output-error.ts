import type { Layer } from './passes/layers.ts';
import type { LayerCollector, LayerMetric, LayerShape } from './types.ts';

/** Relative squared error of a layer's outputs: what layer-wise reconstruction minimizes. */
export const outputError: LayerMetric = {
  name: 'output-error',
  stage: 'layers',
  needs: 'activations',
  changes: true,
  cost: ({ candidates }) => 1 + candidates,
  nats: false,
  source: 'Nagel et al., AdaRound (2020), and GPTQ (2022): the layer-wise objective, relative to the outputs',
  equation: 'Σ_t |δy_t|² / Σ_t |y_t|²',
  collect: (shape) => collectRelativeError(shape, squares),
};

/** Energy of output changes over that of the outputs. @param energy of outputs, [tokens, width] */
export function collectRelativeError(
  { kernels, candidates }: LayerShape,
  energy: (outputs: Float32Array, layer: Layer) => number,
): LayerCollector {
  const errors = new Float64Array(candidates);
  let signal = 0;
  return {
    layer(layer) {
      const outputs = layer.outputs(layer.weight);
      signal += energy(outputs, layer);
      kernels.free(outputs);
    },
    change(layer, candidate, _delta, outputs) {
      errors[candidate] += energy(outputs, layer);
    },
    scores: () => Array.from(errors, (error) => ({ value: signal > 0 ? error / signal : 0 })),
  };
}

export function squares(values: Float32Array): number {
  let sum = 0;
  for (let i = 0; i < values.length; i++) sum += values[i] * values[i];
  return sum;
}
