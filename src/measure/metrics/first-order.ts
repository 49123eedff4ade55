import type { Layer } from './passes/layers.ts';
import { type Run, runsOf } from './passes/runs.ts';
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
      for (const run of runsOf(layer)) addMagnitude(magnitude, layer, run);
    },
    change(_layer, candidate, delta) {
      let sum = 0;
      for (let i = 0; i < delta.length; i++) sum += magnitude[i] * Math.abs(delta[i]);
      values[candidate] += sum / (sequences * length);
    },
    scores: () => Array.from(values, (value) => ({ value })),
  };

  /** magnitude += |G_s| of one sequence, of the rows of the matrix that worked on it. */
  function addMagnitude(magnitude: Float32Array, layer: Layer, { expert, from, to }: Run): void {
    const { width } = layer;
    const g = layer.gradients.text!.subarray(from * width, to * width);
    if (layer.inputs === undefined) {
      const ids = layer.ids.subarray(from, to);
      const sums = new Map<number, Float64Array>();
      ids.forEach((id, t) => {
        const sum = sums.get(id) ?? new Float64Array(columns);
        for (let c = 0; c < columns; c++) sum[c] += g[t * columns + c];
        sums.set(id, sum);
      });
      for (const [id, sum] of sums) for (let c = 0; c < columns; c++) magnitude[id * columns + c] += Math.abs(sum[c]);
      return;
    }
    const x = layer.inputs.subarray(from * columns, to * columns);
    const into = magnitude.subarray(expert * width * columns);
    kernels.scope(() => {
      const gradient = kernels.f32(width * columns);
      kernels.matmulTN(g, x, gradient, width, columns, to - from);
      for (let i = 0; i < gradient.length; i++) into[i] += Math.abs(gradient[i]);
    });
  }
}
