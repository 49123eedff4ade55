import type { Layer } from './passes/layers.ts';
import type { LayerCollector, LayerMetric, LayerShape } from './types.ts';

/** Absolute first-order terms, weight by weight and sequence by sequence. */
export const firstOrder: LayerMetric = {
  name: 'first-order',
  stage: 'layers',
  needs: 'gradients',
  textLabels: true,
  changes: true,
  cost: () => 3,
  nats: false,
  source: 'AutoRound, AutoScheme (delta_loss)',
  equation: '1/(S·T)·Σ_s Σ_ij |G_s,ij·δW_ij|, G of the text’s cross-entropy',
  collect,
};

function collect({ tensor, kernels, candidates, sequences, length }: LayerShape): LayerCollector {
  const [rows, columns] = tensor.shape;
  const values = new Float64Array(candidates);
  const magnitude = new Float32Array(rows * columns);
  return {
    layer(layer) {
      magnitude.fill(0);
      for (let s = 0; s < layer.order.length; s++) addMagnitude(magnitude, layer, s, columns);
    },
    change(_layer, candidate, delta) {
      let sum = 0;
      for (let i = 0; i < delta.length; i++) sum += magnitude[i] * Math.abs(delta[i]);
      values[candidate] += sum / (sequences * length);
    },
    scores: () => Array.from(values, (value) => ({ value })),
  };

  /** magnitude += |G_s| of one sequence. */
  function addMagnitude(into: Float32Array, layer: Layer, s: number, width: number): void {
    const g = layer.gradients.text!.subarray(s * length * layer.width, (s + 1) * length * layer.width);
    if (layer.inputs === undefined) {
      const ids = layer.ids.subarray(s * length, (s + 1) * length);
      const sums = new Map<number, Float64Array>();
      ids.forEach((id, t) => {
        const sum = sums.get(id) ?? new Float64Array(width);
        for (let c = 0; c < width; c++) sum[c] += g[t * width + c];
        sums.set(id, sum);
      });
      for (const [id, sum] of sums) for (let c = 0; c < width; c++) into[id * width + c] += Math.abs(sum[c]);
      return;
    }
    const x = layer.inputs.subarray(s * length * width, (s + 1) * length * width);
    kernels.scope(() => {
      const gradient = kernels.f32(rows * columns);
      kernels.matmulTN(g, x, gradient, rows, columns, length);
      for (let i = 0; i < into.length; i++) into[i] += Math.abs(gradient[i]);
    });
  }
}
