import { UsageError } from '../core/errors.ts';
import type { Model } from '../model/types.ts';
import type { Host } from '../pipeline/host/types.ts';
import { type Job, jobOptions } from '../pipeline/job.ts';
import { isPlain } from '../pipeline/plain.ts';
import { uniformPlan } from '../pipeline/plan/plan-file.ts';
import { quantizeModel } from '../pipeline/quantize.ts';
import type { Target } from '../pipeline/quantize-options.ts';
import { runRecord } from '../pipeline/run-record.ts';
import { openSource } from './source.ts';
import type { Quantized, QuantizeRequest, Source } from './types.ts';

/** The main job: opens, measures, prices, plans, rounds, verifies, writes. */
export async function quantizeOn(host: Host, source: Source, request: QuantizeRequest): Promise<Quantized> {
  const { output, onForecast, signal, onProgress } = request;
  const target = targetOf(request);
  const model = await openSource(host, source, 'original', request);
  const job = await prepared(host, model, request, target);
  const peers = request.peers ? { measure: false, models: [] } : undefined;
  const result = await quantizeModel(host, model, { ...job, peers, onForecast, signal, onProgress });
  const name = model.config.name ?? 'model';
  return { ...result, output, record: runRecord(host, { model, name, output, result, facts: job.facts }) };
}

/** The model is closed where the job cannot be prepared; later, whoever works on it closes it. */
async function prepared(host: Host, model: Model, request: QuantizeRequest, target: Target) {
  const { budget: _, format: __, plan: ___, peers: ____, workDir, signal, onProgress, onForecast, ...choice } = request;
  const plain = isPlain(request);
  const verify = request.verify !== false && (!plain || request.evaluation !== undefined);
  const calibration = plain ? false : request.calibration;
  const job: Job = { ...choice, target, folder: workDir, calibration, verify };
  try {
    return await jobOptions(host, model, job);
  } catch (error) {
    await model.close();
    throw error;
  }
}

/** @throws UsageError unless exactly one target is named */
function targetOf({ budget, format, plan, rounding = 'gptq' }: QuantizeRequest): Target {
  if ([budget, format, plan].filter((value) => value !== undefined).length !== 1)
    throw new UsageError('quantize: give exactly one of budget, format and plan');
  if (budget !== undefined) return { kind: 'budgets', wishes: budget };
  return { kind: 'plan', plan: plan ?? uniformPlan(format!, rounding) };
}
