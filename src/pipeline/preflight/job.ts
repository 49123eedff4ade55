import type { BitPlan } from '../../allocate/types.ts';
import { UsageError } from '../../core/errors.ts';
import { evaluationWindows } from '../../evaluate/evaluate.ts';
import type { TokenBatch } from '../../measure/plan.ts';
import { checkActivations } from '../../model/activation-bits.ts';
import { cacheOfLists } from '../../model/cache-formats.ts';
import type { Magnitudes } from '../../model/magnitudes.ts';
import type { Model } from '../../model/types.ts';
import { modelFileSize } from '../../model/write-gguf.ts';
import { plannedFormat } from '../../quantize/encode.ts';
import { matrices } from '../../quantize/sensitivity.ts';
import { type Goal, refuseUnusable } from '../plan/goal.ts';
import { planNotes } from '../plan/notes.ts';
import { weightCount } from '../plan/wishes.ts';
import type { QuantizeOptions } from '../quantize-options.ts';
import type { Session } from '../session.ts';
import type { HeldOut } from '../texts.ts';
import { forecastJob } from './forecast.ts';
import type { Forecast } from './types.ts';

/** Texts of a job, read, and what it will take. */
export interface PreparedJob {
  /** Absent where nothing is measured. */
  readonly calibration?: TokenBatch;
  /** Absent without verification. */
  readonly heldOut?: HeldOut;
  readonly forecast: Forecast;
}

/** @throws UsageError for what the model cannot be made into */
export function refuseJob(model: Model, magnitudes: Magnitudes, options: QuantizeOptions): void {
  const { target, calibration } = options;
  refuseUnusable(model, magnitudes, target.kind === 'budgets' ? target.wishes : undefined, options);
  const needsText =
    target.kind === 'budgets' || (target.plan.rounding !== 'nearest' && !isConversion(model, target.plan));
  if (needsText && calibration === undefined)
    throw new UsageError('quantize: text to measure on is needed for budgets and for GPTQ; give calibration text');
  if (target.kind === 'plan') refusePlan(model, target.plan);
}

function refusePlan(model: Model, plan: BitPlan): void {
  const known = matrices(model);
  const stranger = Object.keys(plan.formats).find((name) => known.every((tensor) => tensor.name !== name));
  if (stranger !== undefined)
    throw new UsageError(`plan: names ${stranger}, and the model has no such matrix; give a plan of this model`);
  for (const tensor of known) plannedFormat(plan, tensor);
  const { cache, activations } = plan;
  if (cache) cacheOfLists(model.graph, cache, 'plan');
  if (activations) checkActivations(model, activations, 'plan');
}

/** Plain floats, and blocks copied as they are, learn nothing from text. */
export function isConversion(model: Model, plan: BitPlan): boolean {
  return matrices(model).every((tensor) => ['F32', 'F16', 'BF16', tensor.format].includes(plannedFormat(plan, tensor)));
}

/** Whether one pass over the text is enough: rounding to the nearest weighs errors by the squares of inputs alone. */
export function learnsImportance({ target }: Pick<QuantizeOptions, 'target'>): boolean {
  return target.kind === 'plan' && target.plan.rounding === 'nearest';
}

/**
 * Reads the texts, and tells what the job will take before hours are spent on it.
 * @throws UsageError for a text that is shorter than a window; BitbudgetError where disks or memory have too little room
 */
export async function prepareJob(
  session: Session,
  goal: Goal | undefined,
  options: QuantizeOptions,
): Promise<PreparedJob> {
  const { rounding, palette, output, target, evaluationLength: length } = options;
  const calibration = await options.calibration?.();
  const heldOut = await options.evaluation?.();
  if (heldOut !== undefined) evaluationWindows(session.model, heldOut.judged, { length });
  const forecast = await forecastJob(session, {
    ...{ calibration, palette },
    rounding: target.kind === 'plan' ? (target.plan.rounding as typeof rounding) : rounding,
    evaluationTokens: heldOut?.judged.length ?? 0,
    outputBytes: outputBytes(session.model, goal, options),
    importance: learnsImportance(options),
    compares: options.peers !== undefined,
    request: goal && { ...options, budgets: goal.budgets },
  });
  await session.host.checkRoom(forecast, output, session.store);
  options.onForecast?.(forecast);
  return { calibration, heldOut, forecast };
}

/** Bits per weight that are assumed where no budget says anything of the file. */
const ASSUMED_BITS = 5;

function outputBytes(model: Model, goal: Goal | undefined, options: QuantizeOptions): number {
  const { target, facts, evaluation } = options;
  if (target.kind === 'budgets') return goal?.budgets.bytes ?? (ASSUMED_BITS * weightCount(model)) / 8;
  const { plan } = target;
  const metadata = planNotes(model, plan, { facts, measured: evaluation !== undefined });
  return modelFileSize(model, { formatOf: (tensor) => plannedFormat(plan, tensor), metadata });
}
