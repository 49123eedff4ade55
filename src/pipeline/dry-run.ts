import type { BitPlan } from '../allocate/types.ts';
import { UsageError } from '../core/errors.ts';
import type { TokenBatch } from '../measure/plan.ts';
import type { Model } from '../model/types.ts';
import { matrices, type PricedTensor, pricedFormats, priceModel } from '../quantize/sensitivity.ts';
import type { Host } from './host/types.ts';
import { latencyKey } from './latency/measure.ts';
import { NO_CORRECTION } from './plan/corrections.ts';
import { type Goal, openGoal } from './plan/goal.ts';
import { Planner } from './plan/planner.ts';
import { weightCount } from './plan/wishes.ts';
import { prepareJob, refuseJob } from './preflight/job.ts';
import type { Forecast } from './preflight/types.ts';
import type { QuantizeOptions } from './quantize-options.ts';
import { Session } from './session.ts';
import { RememberedRuns } from './verify/remembered.ts';
import { evaluationsOf } from './verify/search.ts';
import { resultsOf } from './workspace.ts';

/** What a job would take and give. */
export interface DryRun {
  readonly forecast: Forecast;
  readonly bitsPerWeight: number;
  /** What the budgets buy, from work that is kept; absent where too little is. */
  readonly plan?: BitPlan;
  /** Whether its prediction has learned from true evaluations. */
  readonly isCorrected: boolean;
}

/** Tells what `quantizeModel` would do, and does none of it: nothing is measured, nothing is written. Closes the model. */
export async function dryRun(host: Host, model: Model, options: QuantizeOptions): Promise<DryRun> {
  const session = await Session.open(host, model, options, (magnitudes) => refuseJob(model, magnitudes, options));
  try {
    const goal = await goalAhead(session, options);
    const { calibration, forecast } = await prepareJob(session, goal, options);
    const known = goal && calibration && (await planAhead(session, goal, calibration, options));
    const bytes = known?.plan.prediction?.fileBytes ?? forecast.outputBytes;
    return {
      forecast,
      bitsPerWeight: (8 * bytes) / weightCount(model),
      plan: known?.plan,
      isCorrected: known?.isCorrected ?? false,
    };
  } finally {
    await session.close();
  }
}

async function goalAhead(session: Session, options: QuantizeOptions): Promise<Goal | undefined> {
  const { target, context } = options;
  if (target.kind === 'plan') return undefined;
  if (target.wishes.latency !== undefined) {
    const key = await latencyKey(session.kernels, session.model, context);
    const entry = await session.store.find({ step: 'latency', of: key });
    await entry?.close();
    if (entry === undefined)
      throw new UsageError('--dry-run: a budget of latency needs this device measured; run bitbudget latency first');
  }
  return await openGoal(session, target.wishes, { ...options, measured: options.evaluation !== undefined });
}

/** The plan out of kept prices; undefined where some are missing, or the solver needs true evaluations. */
async function planAhead(
  session: Session,
  { budgets, setting }: Goal,
  calibration: TokenBatch,
  options: QuantizeOptions,
): Promise<(Pick<DryRun, 'isCorrected'> & { readonly plan: BitPlan }) | undefined> {
  const { rounding, palette, solver, seed, objective, mostFormats, activations } = options;
  const { measurement, results } = await session.kept(calibration);
  const memory = resultsOf<PricedTensor>(results);
  const { magnitudes } = session;
  const known = await Promise.all(
    matrices(session.model).map((tensor) => memory.get(pricedFormats(tensor, magnitudes, options).key)),
  );
  const needsMore = budgets.kv !== undefined || activations !== undefined || evaluationsOf(options) !== undefined;
  if (measurement === undefined || known.includes(undefined) || needsMore) return undefined;
  const table = await priceModel(session.model, measurement, session.runner, { rounding, palette, memory, magnitudes });
  const runs = new RememberedRuns({ memory: () => resultsOf(results), exclusively: (_, work) => work() }, table);
  const remembered = await runs.plan({ ...options, budgets });
  if (remembered !== undefined) return { plan: remembered, isCorrected: true };
  const corrections = await runs.corrections();
  const planner = new Planner({ ...setting, table });
  // As `quantize` does, whose first plan is solved for prices as they are.
  const solving = corrections.learned ? corrections : NO_CORRECTION;
  const plan = await planner.plan(budgets, { solver, seed, objective, mostFormats, corrections: solving });
  return { plan: planner.predict(plan, corrections), isCorrected: corrections.learned };
}
