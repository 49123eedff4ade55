import { matrixKinds } from '../../graph/kinds.ts';
import { cacheStates } from '../../graph/states.ts';
import { pricedCacheFormats } from '../../model/cache-formats.ts';
import type { Magnitudes } from '../../model/magnitudes.ts';
import type { Model } from '../../model/types.ts';
import { candidates, matrixFacts } from '../../quantize/candidates.ts';
import { matrices, refuseUnusablePalette, type SensitivityTable } from '../../quantize/sensitivity.ts';
import type { RoundingName } from '../../quantize/types.ts';
import { contextOf } from '../latency/decode.ts';
import { isMultiplied } from '../latency/products.ts';
import type { Budgets } from '../resources/table.ts';
import type { Deployment, RunPrices, Setting } from '../resources/types.ts';
import type { Session } from '../session.ts';
import { evaluationsOf, type SolverChoice } from '../verify/search.ts';
import { type FileFacts, fileNotes, runNotesAhead } from './notes.ts';
import { Planner } from './planner.ts';
import { budgetsOf, type Wishes } from './wishes.ts';

/** What plans are made for, before anything of the model is measured. */
export interface Goal {
  readonly budgets: Budgets;
  /** All but the prices. */
  readonly setting: Omit<Setting, 'table' | keyof RunPrices>;
}

export interface GoalOptions extends Deployment, SolverChoice {
  readonly rounding: RoundingName;
  readonly palette?: readonly string[];
  /** Bits that the inputs of matrices may be rounded to; default none. */
  readonly activations?: readonly number[];
  /** What the file tells of where it comes from. */
  readonly facts?: FileFacts;
  /** Whether the file is measured before it is written, and says so; default yes. */
  readonly measured?: boolean;
}

/**
 * Refuses what no plan can do, as far as it is known before anything is measured.
 * @throws UsageError for a palette that cannot hold the model, or a latency at a context that it is not made for
 */
export function refuseUnusable(
  model: Model,
  magnitudes: Magnitudes,
  wishes: Wishes | undefined,
  { palette, context }: Pick<GoalOptions, 'palette' | 'context'>,
): void {
  refuseUnusablePalette(model, magnitudes, palette);
  if (wishes?.latency !== undefined) contextOf(model, context);
}

/**
 * Turns wishes into budgets, measures the device where they speak of it, and refuses those that no plan can keep before
 * hours are spent on their prices.
 * @throws BitbudgetError with what can be had
 */
export async function openGoal(session: Session, wishes: Wishes, options: GoalOptions): Promise<Goal> {
  const { model, magnitudes } = session;
  const { rounding, palette, fuse, context, threads, kvUniform } = options;
  const budgets = budgetsOf(model, wishes);
  const free = {
    table: freeMatrices(model, magnitudes, rounding, palette),
    cache: budgets.kv === undefined ? undefined : freeCache(model),
    activations: options.activations && freeActivations(model, options.activations),
  };
  const measured = options.measured;
  const notes = fileNotes({ rounding, facts: options.facts, budgets, measured, run: runNotesAhead(model, free) });
  const latency = budgets.latency === undefined ? undefined : await session.latency(palette, context);
  const setting = { model, notes, latency, fuse, context, threads, kvUniform };
  const planner = new Planner({ ...setting, ...free });
  if (evaluationsOf(options) === undefined) planner.checkSolver(budgets, options);
  await planner.plan(budgets, { mostFormats: options.mostFormats });
  return { budgets, setting };
}

/*
 * Every option of everything that is chosen, all for nothing: enough to know whether a plan exists.
 */

function freeMatrices(
  model: Model,
  magnitudes: Magnitudes,
  rounding: RoundingName,
  palette?: readonly string[],
): SensitivityTable {
  const kinds = matrixKinds(model.graph);
  return {
    version: 1,
    model: '',
    rounding,
    scale: { value: 1, standardError: 0 },
    tensors: matrices(model).map((tensor) => ({
      ...{ tensor: tensor.name, role: tensor.role, kind: kinds.get(tensor.name)!, layer: tensor.layer },
      ...{ rows: tensor.shape[0], columns: tensor.shape[1], relativeError: 0 },
      prices: candidates(matrixFacts(tensor, magnitudes), palette).map(({ name: format }) => ({
        ...{ format, loss: 0, samplingError: 0 },
      })),
    })),
  };
}

function freeCache({ graph }: Model): RunPrices['cache'] {
  return cacheStates(graph).map((state) => ({
    ...state,
    prices: pricedCacheFormats(state).map((format) => ({ format, loss: 0, lossError: 0 })),
  }));
}

function freeActivations(model: Model, widths: readonly number[]): RunPrices['activations'] {
  const prices = widths.map((bits) => ({ bits, loss: 0, lossError: 0 }));
  return matrices(model)
    .filter((tensor) => isMultiplied(model, tensor.name))
    .map(({ name }) => ({ tensor: name, prices }));
}
