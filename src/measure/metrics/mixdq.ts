import type { ModelTensor } from '../../model/types.ts';
import { collectRelativeError, squares } from './output-error.ts';
import type { Layer } from './passes/layers.ts';
import { tokenOf } from './passes/runs.ts';
import type { LayerMetric, ScoreTable } from './types.ts';

/**
 * Metric-decoupled: matrices that decide where to look and those that decide what is said are ranked among their like
 * only, each family with its own share of the budget. The first token, an outlier, is left out of the errors.
 */
export const mixdq: LayerMetric = {
  name: 'mixdq',
  stage: 'layers',
  needs: 'activations',
  changes: true,
  cost: ({ candidates }) => 1 + candidates,
  nats: false,
  source: 'Zhao et al., MixDQ (2024), sections 3.2 and 3.3, families for language models',
  equation: 'Σ_{t>0} |δy_t|² / Σ_{t>0} |y_t|², over its mean in the family',
  collect: (shape) => collectRelativeError(shape, withoutFirst),
  finish(table, tensors) {
    const means = familyMeans(table, tensors);
    return new Map(
      tensors.map((tensor) => {
        const mean = means.get(family(tensor)) || 1;
        return [tensor.name, table.get(tensor.name)!.map(({ value }) => ({ value: value / mean }))];
      }),
    );
  },
};

/** Energy of all tokens but the first of every sequence. */
function withoutFirst(outputs: Float32Array, layer: Layer): number {
  const { length, width } = layer;
  let sum = 0;
  for (let row = 0; row * width < outputs.length; row++)
    if (tokenOf(layer, row) % length !== 0) sum += squares(outputs.subarray(row * width, (row + 1) * width));
  return sum;
}

function family({ role }: ModelTensor): 'where' | 'what' {
  return role === 'attn_q' || role === 'attn_k' ? 'where' : 'what';
}

function familyMeans(table: ScoreTable, tensors: readonly ModelTensor[]): Map<string, number> {
  return new Map(
    [...Map.groupBy(tensors, family)].map(([name, members]) => {
      const values = members.flatMap((tensor) => table.get(tensor.name)!.map(({ value }) => value));
      return [name, values.reduce((sum, value) => sum + value, 0) / values.length];
    }),
  );
}
