import { squares } from './output-error.ts';
import { runsOf } from './passes/runs.ts';
import type { LayerMetric } from './types.ts';

/** What is summed of one matrix of a stack. */
interface ExpertSums {
  rows: number;
  /** Σ of the router's weights of its rows. */
  routed: number;
  energy: number;
  readonly errors: Float64Array;
}

/**
 * Importance of experts: how often one is chosen, by how much weight, and what rounding does to its outputs, with the
 * paper's exponents 1, 1 and 2. Errors are relative to outputs, so that gates, ups and downs can be compared; a dense
 * matrix is an expert that every token gets with weight 1. `vector` holds the score of every expert.
 */
export const mcMoe: LayerMetric = {
  name: 'mc-moe',
  stage: 'layers',
  needs: 'activations',
  changes: true,
  cost: ({ candidates }) => 1 + candidates,
  nats: false,
  source: 'Huang et al., MC-MoE (2024), pre-loading mixed-precision quantization; the same in MC# (2025)',
  equation: 'Σ_e φ_e·w_e·Σ|δy_e|²/Σ|y_e|², φ share of tokens, w router’s weight per token, e experts',
  collect({ kernels, candidates, sequences, length }) {
    const experts = new Map<number, ExpertSums>();
    return {
      layer(layer) {
        const { width, slots } = layer;
        const outputs = layer.outputs(layer.weight);
        for (const { expert, from, to } of runsOf(layer)) {
          const found = experts.get(expert) ?? { rows: 0, routed: 0, energy: 0, errors: new Float64Array(candidates) };
          experts.set(expert, found);
          found.rows += to - from;
          found.energy += squares(outputs.subarray(from * width, to * width));
          for (let row = from; row < to; row++) found.routed += slots?.weights[slots.order[row]] ?? 1;
        }
        kernels.free(outputs);
      },
      change(layer, candidate, _delta, outputs) {
        const { width } = layer;
        for (const { expert, from, to } of runsOf(layer))
          experts.get(expert)!.errors[candidate] += squares(outputs.subarray(from * width, to * width));
      },
      scores() {
        const tokens = sequences * length;
        const score = (sums: ExpertSums | undefined, candidate: number): number => {
          if (sums === undefined || sums.energy === 0) return 0;
          const { rows, routed, energy, errors } = sums;
          return ((rows / tokens) * (routed / tokens) * errors[candidate]) / energy;
        };
        const count = 1 + Math.max(0, ...experts.keys());
        return Array.from({ length: candidates }, (_, candidate) => {
          const vector = Array.from({ length: count }, (__, expert) => score(experts.get(expert), candidate));
          return { value: vector.reduce((sum, each) => sum + each, 0), vector };
        });
      },
    };
  },
};
