import type { TokenBatch } from '../../measure/plan.ts';
import type { Model } from '../../model/types.ts';
import { matrices, type PriceOptions, priceKey } from '../../quantize/sensitivity.ts';
import type { Session } from '../session.node.ts';
import { type PlanRequest, requestKey } from '../verify/remembered.node.ts';
import { resultsOf } from '../workspace.node.ts';
import { type JobSize, jobAmounts, keptBytes, resumeBytes, STEPS, type StepName } from './amounts.ts';
import { jobMemory } from './memory.ts';
import { type RoomNeeded, residualLimit } from './room.node.ts';
import { MachineSpeed, productSpeed } from './speed.node.ts';

/** What a job will take, told before it begins. */
export interface Forecast extends RoomNeeded {
  readonly seconds: number;
  /** Seconds of each step; what was done before takes none. */
  readonly steps: Readonly<Record<StepName, number>>;
  /** What the times were computed from, for learning from the real ones. */
  readonly basis: { readonly speed: number; readonly amounts: Readonly<Record<StepName, number>> };
}

export interface ForecastJob extends Omit<JobSize, 'model' | 'calibrationTokens'>, Pick<PriceOptions, 'rounding'> {
  /** Absent where nothing is measured. */
  readonly calibration?: TokenBatch;
  /** Bytes of the finished file. */
  readonly outputBytes: number;
  /** The budgets, where prices are needed. */
  readonly request?: PlanRequest;
}

/** Tells time, memory and disk from the model's sizes, this machine's speed and what is kept already. Makes nothing. */
export async function forecastJob(session: Session, job: ForecastJob): Promise<Forecast> {
  const { model, kernels, store } = session;
  const { calibration, outputBytes } = job;
  const size = { ...job, model, calibrationTokens: calibration ? calibration.sequences * calibration.length : 0 };
  const left = await leftToDo(session, job);
  const all = jobAmounts(size);
  const amounts = Object.fromEntries(STEPS.map((step) => [step, all[step] * left[step]])) as typeof all;
  const speed = productSpeed(kernels);
  const factors = await new MachineSpeed(store, kernels).factors();
  const steps = Object.fromEntries(STEPS.map((step) => [step, (amounts[step] * factors[step]) / speed])) as typeof all;
  const spilled = spilledBytes(size);
  const measures = left.measure > 0;
  const rounded = left.quantize > 0 ? BLOCK_COPIES * outputBytes : 0;
  return {
    seconds: STEPS.reduce((sum, step) => sum + steps[step], 0),
    steps,
    basis: { speed, amounts },
    memoryBytes: jobMemory(size, kernels.threads, left, spilled > 0),
    outputBytes,
    keptBytes: measures ? keptBytes(size, calibration!.length) : 0,
    temporaryBytes: Math.max(rounded, measures ? resumeBytes(size) + spilled : 0),
  };
}

/** What measuring alone needs, for verbs that write no model. */
export function measuringRoom(model: Model, tokens: TokenBatch, threads: number): RoomNeeded {
  const size = { model, calibrationTokens: tokens.sequences * tokens.length, evaluationTokens: 0 };
  const spilled = spilledBytes(size);
  const left = { measure: 1, price: 0, quantize: 0, verify: 0 };
  return {
    memoryBytes: jobMemory(size, threads, left, spilled > 0),
    outputBytes: 0,
    keptBytes: keptBytes(size, tokens.length),
    temporaryBytes: resumeBytes(size) + spilled,
  };
}

/** Bytes of the residual stream that go to the disk. */
function spilledBytes({ model, calibrationTokens }: JobSize): number {
  const { hidden, layers } = model.config;
  const residuals = 4 * calibrationTokens * hidden * (layers + 1);
  return residuals > residualLimit() ? residuals : 0;
}

/** Blocks of the plans that are rounded for one file, in files. */
const BLOCK_COPIES = 1.3;

/** Share of every step that no earlier run has done. */
async function leftToDo(session: Session, job: ForecastJob): Promise<Record<StepName, number>> {
  const { calibration, evaluationTokens, request, palette, rounding } = job;
  const verify = evaluationTokens > 0 ? 1 : 0;
  if (calibration === undefined) return { measure: 0, price: 0, quantize: PLAIN_SHARE, verify };
  const { unmeasured, results } = await session.kept(calibration);
  const all = matrices(session.model);
  const prices = resultsOf(results);
  const known = await Promise.all(all.map((tensor) => prices.get(priceKey(tensor, { palette, rounding }))));
  const unpriced = known.filter((price) => price === undefined).length / all.length;
  const wasVerified = request !== undefined && (await prices.get(requestKey(request))) !== undefined;
  return {
    measure: unmeasured,
    price: request === undefined ? 0 : unpriced,
    quantize: rounding === 'nearest' ? PLAIN_SHARE : 1,
    verify: wasVerified ? 0 : request === undefined ? verify * ONE_PLAN_SHARE : verify,
  };
}

/** Rounding to the nearest beside GPTQ. */
const PLAIN_SHARE = 0.3;
/** Evaluating one plan beside what verification of a budget evaluates. */
const ONE_PLAN_SHARE = 1 / 3;
