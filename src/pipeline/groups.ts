import type { Group } from '../allocate/types.ts';
import type { PricedTensor, SensitivityTable } from '../quantize/sensitivity.ts';
import type { Resource } from './resources/types.ts';

/** How far the prediction is off, by kind of matrix: learned from measured KL, 1 before. Multiplies predicted losses. */
export type Corrections = Readonly<Record<MatrixKind, number>>;

/** Kinds of matrices whose predictions tend to be off alike. */
export type MatrixKind = 'embedding' | 'attention' | 'feedForward';

export const NO_CORRECTION: Corrections = { embedding: 1, attention: 1, feedForward: 1 };

export function matrixKind(role: PricedTensor['role']): MatrixKind {
  if (role === 'token_embd' || role === 'output') return 'embedding';
  return role.startsWith('ffn') ? 'feedForward' : 'attention';
}

/** The allocator's view of a table: groups with their calibrated losses and what options cost of the resources. */
export function groupsOf(
  table: SensitivityTable,
  resources: readonly Resource[] = [],
  corrections: Corrections = NO_CORRECTION,
): Group[] {
  return table.tensors.map((tensor) => {
    const { role, relativeError, prices } = tensor;
    const factor = table.scale.value * corrections[matrixKind(role)];
    return {
      id: tensor.tensor,
      options: prices.map((price) => ({
        id: price.format,
        costs: Object.fromEntries(resources.map(({ name, cost }) => [name, cost(tensor, price.format)])),
        loss: factor * price.loss,
        lossError: factor * Math.hypot(price.loss * relativeError, price.samplingError),
      })),
    };
  });
}
