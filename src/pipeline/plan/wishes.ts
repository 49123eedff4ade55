import type { Model } from '../../model/types.ts';
import type { Budgets } from '../resources/table.ts';

/** Budgets as they are asked for: the file's size may be told as bits per weight. */
export interface Wishes extends Budgets {
  readonly bitsPerWeight?: number;
}

/** The budgets that wishes come to for a model. */
export function budgetsOf(model: Model, { bitsPerWeight, ...budgets }: Wishes): Budgets {
  if (bitsPerWeight === undefined) return budgets;
  return { ...budgets, bytes: Math.floor((bitsPerWeight * weightCount(model)) / 8) };
}

/** Weights of all tensors: what bits per weight are counted over. */
export function weightCount(model: Model): number {
  return [...model.tensors.values()].reduce(
    (sum, { shape }) => sum + shape.reduce((product, size) => product * size, 1),
    0,
  );
}
