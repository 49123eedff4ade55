import type { TokenBatch } from '../../measure/plan.ts';
import { matrices, type PriceOptions, pricedFormats } from '../../quantize/sensitivity.ts';
import { isImportanceKept } from '../importance.ts';
import type { Session } from '../session.ts';
import { type PlanRequest, requestKey } from '../verify/remembered.ts';
import { resultsOf } from '../workspace.ts';
import { type JobSize, jobAmounts, keptBytes, resumeBytes } from './amounts.ts';
import { spilledBytes } from './measuring.ts';
import { jobMemory } from './memory.ts';
import { MachineSpeed, productSpeed } from './speed.ts';
import { type Forecast, STEPS, type StepName } from './types.ts';

export interface ForecastJob
  extends Omit<JobSize, 'model' | 'magnitudes' | 'calibrationTokens'>,
    Pick<PriceOptions, 'rounding'> {
  /** Absent where nothing is measured. */
  readonly calibration?: TokenBatch;
  /** Bytes of the finished file. */
  readonly outputBytes: number;
  /** Whether other files of the model are predicted beside the result. */
  readonly compares?: boolean;
  /** The budgets, where prices are needed. */
  readonly request?: PlanRequest;
}

/** Tells time, memory and disk from the model's sizes, this machine's speed and what is kept already. Makes nothing. */
export async function forecastJob(session: Session, job: ForecastJob): Promise<Forecast> {
  const { model, magnitudes, kernels, store } = session;
  const { calibration, outputBytes } = job;
  const size = {
    ...job,
    model,
    magnitudes,
    calibrationTokens: calibration ? calibration.sequences * calibration.length : 0,
  };
  const left = await leftToDo(session, job);
  const all = jobAmounts(size);
  const amounts = Object.fromEntries(STEPS.map((step) => [step, all[step] * left[step]])) as typeof all;
  const speed = productSpeed(kernels);
  const factors = await new MachineSpeed(store, kernels).factors();
  const steps = Object.fromEntries(STEPS.map((step) => [step, (amounts[step] * factors[step]) / speed])) as typeof all;
  const spilled = spilledBytes(size, session.host.availableMemory());
  const measures = left.measure > 0;
  const rounded = left.quantize > 0 ? BLOCK_COPIES * outputBytes : 0;
  return {
    seconds: STEPS.reduce((sum, step) => sum + steps[step], 0),
    steps,
    basis: { speed, amounts },
    memoryBytes: jobMemory(size, kernels.threads, left, spilled > 0),
    outputBytes,
    keptBytes: measures ? keptBytes(size, calibration!.length) : 0,
    temporaryBytes: Math.max(rounded, measures ? (job.importance ? 0 : resumeBytes(size)) + spilled : 0),
  };
}

/** Blocks of the plans that are rounded for one file, in files. */
const BLOCK_COPIES = 1.3;

/** Share of every step that no earlier run has done. */
async function leftToDo(session: Session, job: ForecastJob): Promise<Record<StepName, number>> {
  const { calibration, evaluationTokens, request, palette, rounding } = job;
  const verify = evaluationTokens > 0 ? 1 : 0;
  if (calibration === undefined) return { measure: 0, price: 0, quantize: PLAIN_SHARE, verify, compare: 0 };
  if (job.importance) {
    const isKept = await isImportanceKept(session, calibration);
    return { measure: isKept ? 0 : 1, price: 0, quantize: PLAIN_SHARE, verify: verify * ONE_PLAN_SHARE, compare: 0 };
  }
  const { unmeasured, results } = await session.kept(calibration);
  const all = matrices(session.model);
  const prices = resultsOf(results);
  const { magnitudes } = session;
  const known = await Promise.all(
    all.map((tensor) => prices.get(pricedFormats(tensor, magnitudes, { palette, rounding }).key)),
  );
  const unpriced = known.filter((price) => price === undefined).length / all.length;
  const wasVerified = request !== undefined && (await prices.get(requestKey(request))) !== undefined;
  return {
    measure: unmeasured,
    price: request === undefined ? 0 : unpriced,
    quantize: rounding === 'nearest' ? PLAIN_SHARE : 1,
    verify: wasVerified ? 0 : request === undefined ? verify * ONE_PLAN_SHARE : verify,
    compare: job.compares && unpriced > 0 ? 1 : 0,
  };
}

/** Rounding to the nearest beside GPTQ. */
const PLAIN_SHARE = 0.3;
/** Evaluating one plan beside what verification of a budget evaluates. */
const ONE_PLAN_SHARE = 1 / 3;
