import { squares } from './output-error.ts';
import { runsOf } from './passes/runs.ts';
import type { LayerMetric } from './types.ts';

/**
 * HAWQ-V2’s score of activations: the mean eigenvalue of the Hessian by a layer’s outputs times what the outputs change by.
 * On the Fisher matrix the trace is the gradients’ energy, so no probes are needed. An output that matters and one that
 * does not count alike: that is what the mean over outputs loses to `output-fisher`.
 */
export const hawqActivations: LayerMetric = {
  name: 'hawq-activations',
  stage: 'layers',
  needs: 'gradients',
  changes: true,
  cost: ({ candidates }) => 3 + candidates,
  nats: true,
  source: 'Dong et al., HAWQ-V2 (2020), section 3.3: trace by activations, on the Fisher matrix',
  equation: '½·E_t|g_t|²/n·E_t|δy_t|², n outputs',
  collect({ candidates, sequences, length }) {
    // Of the uses of a tied matrix, and of stacked ones, each counts with its own gradients, the parts of a large one with
    // their share of tokens.
    const uses = new Map<string, { energy: number; rows: number; width: number; changes: Float64Array }>();
    return {
      layer(layer) {
        const { use, gradients, width } = layer;
        for (const { expert, from, to } of runsOf(layer)) {
          const key = `${use} ${expert}`;
          const found = uses.get(key) ?? { energy: 0, rows: 0, width, changes: new Float64Array(candidates) };
          found.energy += squares(gradients.sampled!.subarray(from * width, to * width));
          found.rows += to - from;
          uses.set(key, found);
        }
      },
      change(layer, candidate, _delta, outputs) {
        const { use, width } = layer;
        for (const { expert, from, to } of runsOf(layer))
          uses.get(`${use} ${expert}`)!.changes[candidate] += squares(outputs.subarray(from * width, to * width));
      },
      scores() {
        const value = (candidate: number): number =>
          [...uses.values()].reduce(
            (sum, { energy, rows, width, changes }) =>
              sum + (0.5 * energy * changes[candidate]) / (sequences * length * rows * width),
            0,
          );
        return Array.from({ length: candidates }, (_, candidate) => ({ value: value(candidate) }));
      },
    };
  },
};
