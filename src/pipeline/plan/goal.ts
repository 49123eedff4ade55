import { UsageError } from '../../core/errors.ts';
import { matrixKinds } from '../../graph/kinds.ts';
import type { Magnitudes } from '../../model/magnitudes.ts';
import type { Model } from '../../model/types.ts';
import { refuseUnusablePalette, type SensitivityTable } from '../../quantize/sensitivity.ts';
import type { RoundingName } from '../../quantize/types.ts';
import { contextOf } from '../latency/decode.ts';
import type { Budgets } from '../resources/table.ts';
import type { Deployment, Setting } from '../resources/types.ts';
import type { Session } from '../session.ts';
import { evaluationsOf, type SolverChoice } from '../verify/search.ts';
import { type FileFacts, fileNotes, runNotesAhead } from './notes.ts';
import { freely, runningOptions, weightOptions } from './options.ts';
import { Planner } from './planner.ts';
import { budgetsOf, type Wishes } from './wishes.ts';

/** What plans are made for, before anything of the model is measured. */
export interface Goal {
  readonly budgets: Budgets;
  /** All but the prices. */
  readonly setting: Omit<Setting, 'table' | 'running'>;
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
  { palette, context, activations }: Pick<GoalOptions, 'palette' | 'context' | 'activations'>,
): void {
  refuseUnusablePalette(model, magnitudes, palette);
  if (model.config.embedding !== undefined) refuseDecoding({ ...wishes, activations });
  if (wishes?.latency !== undefined) contextOf(model, context);
}

/** @throws UsageError for what is measured on next tokens alone */
function refuseDecoding({ latency, kv, activations }: Wishes & Pick<GoalOptions, 'activations'>): void {
  const asked = Object.entries({ '--max-latency': latency, '--kv-budget': kv, '--activations': activations });
  const found = asked.find(([, value]) => value !== undefined);
  if (found === undefined) return;
  throw new UsageError(`${found[0]}: is for models that give next tokens, and this one is an encoder; leave it out`);
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
  const chosen = { states: budgets.kv !== undefined, edges: options.activations };
  const running = freely(runningOptions(model, chosen));
  const free = { table: freeWeights(model, magnitudes, rounding, palette), running };
  const measured = options.measured;
  const notes = fileNotes({ rounding, facts: options.facts, budgets, measured, run: runNotesAhead(model, running) });
  const latency = budgets.latency === undefined ? undefined : await session.latency(palette, context, chosen.states);
  const setting = { model, notes, latency, fuse, context, threads, kvUniform };
  const planner = new Planner({ ...setting, ...free });
  if (evaluationsOf(options) === undefined) planner.checkSolver(budgets, options);
  await planner.plan(budgets, { mostFormats: options.mostFormats });
  return { budgets, setting };
}

/** Every option of every weight for nothing: enough to know whether a plan exists. */
function freeWeights(
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
    tensors: weightOptions(model, magnitudes, palette).map(({ site, options }) => {
      const { name, role, layer, shape } = model.tensors.get(site)!;
      return {
        ...{ tensor: name, role, kind: kinds.get(name)!, layer, rows: shape[0], columns: shape[1], relativeError: 0 },
        prices: options.map((format) => ({ format, loss: 0, samplingError: 0 })),
      };
    }),
  };
}
