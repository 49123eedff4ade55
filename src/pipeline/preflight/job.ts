import type { BitPlan } from '../../allocate/types.ts';
import { UsageError } from '../../core/errors.ts';
import { evaluationWindows } from '../../evaluate/evaluate.ts';
import type { TokenBatch } from '../../measure/plan.ts';
import { cacheFormat } from '../../model/cache-formats.ts';
import { bitsOf } from '../../model/edge-options.ts';
import type { Magnitudes } from '../../model/magnitudes.ts';
import { sitesOf } from '../../model/sites.ts';
import type { Model } from '../../model/types.ts';
import { modelFileSize } from '../../model/write-gguf.ts';
import { format } from '../../numeric/table.ts';
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
  const [mixed] = Object.keys(plan.experts ?? {});
  if (mixed !== undefined)
    throw new UsageError(
      `plan: gives every expert of ${mixed} a format of its own, and GGUF stores one for all; plan by tensor instead`,
    );
  const sites = new Map(sitesOf(model).map((site) => [site.id, site]));
  for (const [id, option] of Object.entries(plan.sites)) {
    const site = sites.get(id);
    if (site === undefined)
      throw new UsageError(`plan: names ${id}, and the model has no such site; give a plan of this model`);
    if (site.kind === 'edge') bitsOf(option, `plan: ${id}`);
    if (site.kind === 'state') cacheFormat(site.span, option, `plan: ${id}`);
    if (site.kind === 'weight') format(option);
  }
  for (const tensor of matrices(model)) plannedFormat(plan, tensor);
  const states = [...sites.values()].filter(({ kind }) => kind === 'state').map(({ id }) => id);
  const missing = states.find((id) => !(id in plan.sites));
  if (missing !== undefined && states.some((id) => id in plan.sites))
    throw new UsageError(`plan: names no format for ${missing}; name one for all ${states.length} states, or for none`);
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
