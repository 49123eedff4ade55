import type { Model } from '../model/types.ts';
import { candidates } from '../quantize/candidates.ts';
import { matrices, type SensitivityTable } from '../quantize/sensitivity.ts';
import type { RoundingName } from '../quantize/types.ts';
import { Planner } from './plan.ts';
import type { Budgets } from './resources/table.ts';
import type { Deployment, Setting } from './resources/types.ts';
import type { Session } from './session.node.ts';
import { budgetsOf, type Wishes } from './wishes.ts';

/** What plans are made for, before anything of the model is measured. */
export interface Goal {
  readonly budgets: Budgets;
  /** All but the prices. */
  readonly setting: Omit<Setting, 'table'>;
}

export interface GoalOptions extends Deployment, Pick<Setting, 'notes'> {
  readonly rounding: RoundingName;
  readonly palette?: readonly string[];
}

/**
 * Turns wishes into budgets, measures the device where they speak of it, and refuses those that no plan can keep before
 * hours are spent on their prices.
 * @throws BitbudgetError with what can be had
 */
export async function openGoal(
  session: Session,
  wishes: Wishes,
  { rounding, palette, notes, fuse, context, threads }: GoalOptions,
): Promise<Goal> {
  const { model } = session;
  const budgets = budgetsOf(model, wishes);
  const latency = budgets.latency === undefined ? undefined : await session.latency(palette, context);
  const setting = { model, notes, latency, fuse, context, threads };
  await new Planner({ ...setting, table: withoutPrices(model, rounding, palette) }).plan(budgets);
  return { budgets, setting };
}

/** Every candidate of every matrix, all for nothing: enough to know whether a plan exists. */
function withoutPrices(model: Model, rounding: RoundingName, palette?: readonly string[]): SensitivityTable {
  return {
    version: 1,
    model: '',
    rounding,
    scale: { value: 1, standardError: 0 },
    tensors: matrices(model).map(({ name, role, layer, shape: [rows, columns] }) => ({
      ...{ tensor: name, role, layer, rows, columns, relativeError: 0 },
      prices: candidates(columns, palette).map(({ name: format }) => ({ format, loss: 0, samplingError: 0 })),
    })),
  };
}
