import type { LayerMetric } from './types.ts';

/** Share of a layer's outputs that the mask lets through. */
const KEPT = 0.5;
/** Every so many-th token is looked at. */
const STRIDE = 4;

/** KL divergence between the softmax of a layer's strongest outputs before and after: local, without a backward pass. */
export const ohq: LayerMetric = {
  name: 'ohq',
  stage: 'layers',
  needs: 'activations',
  changes: true,
  cost: ({ candidates }) => 1 + candidates,
  nats: false,
  source: 'Huang et al., OHQ (2023), mask-guided quantization estimation',
  equation: 'E_t KL(softmax(m∘y_t) ‖ softmax(m∘(y_t − δy_t))), m the stronger half of the outputs',
  collect({ candidates, kernels }) {
    const values = new Float64Array(candidates);
    let tokens = 0;
    let y = new Float32Array(0);
    let mask = new Int32Array(0);
    return {
      layer(layer) {
        const outputs = layer.outputs(layer.weight);
        y = new Float32Array(outputs);
        kernels.free(outputs);
        mask = strongest(y, layer.width);
        tokens += Math.ceil(y.length / layer.width / STRIDE);
      },
      change(layer, candidate, _delta, outputs) {
        for (let from = 0; from < y.length; from += STRIDE * layer.width)
          values[candidate] += maskedDivergence(y, outputs, from, mask);
      },
      scores: () => Array.from(values, (value) => ({ value: value / tokens })),
    };
  },
};

function strongest(y: Float32Array, width: number): Int32Array<ArrayBuffer> {
  const energy = new Float64Array(width);
  for (let at = 0; at < y.length; ) for (let i = 0; i < width; i++, at++) energy[i] += y[at] * y[at];
  const order = Int32Array.from(energy.keys()).sort((a, b) => energy[b] - energy[a]);
  return order.slice(0, Math.ceil(KEPT * width));
}

function maskedDivergence(y: Float32Array, change: Float32Array, from: number, mask: Int32Array): number {
  let [largest, largestChanged] = [-Infinity, -Infinity];
  for (const i of mask) {
    largest = Math.max(largest, y[from + i]);
    largestChanged = Math.max(largestChanged, y[from + i] - change[from + i]);
  }
  let [total, totalChanged, dot] = [0, 0, 0];
  for (const i of mask) {
    const p = Math.exp(y[from + i] - largest);
    total += p;
    totalChanged += Math.exp(y[from + i] - change[from + i] - largestChanged);
    dot += p * change[from + i];
  }
  return dot / total + Math.log(totalChanged) + largestChanged - Math.log(total) - largest;
}
