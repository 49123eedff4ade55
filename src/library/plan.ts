import { metricsNamed } from '../measure/metrics/table.ts';
import type { Host } from '../pipeline/host/types.ts';
import { jobTexts } from '../pipeline/job.ts';
import { type Solved, solveFor } from '../pipeline/solve.ts';
import { openSource } from './source.ts';
import type { PlanRequest, Source } from './types.ts';

/** Measures and prices what is not known yet, and solves. */
export async function planOn(host: Host, source: Source, request: PlanRequest): Promise<Solved> {
  const { budget, metric, workDir: folder, calibration, evaluation, rounding = 'gptq', ...rest } = request;
  const chosen = metric === undefined ? undefined : metricsNamed([metric])[0];
  const model = await openSource(host, source, 'original', request);
  try {
    const texts = await jobTexts(host, model, { calibration, evaluation, seed: rest.seed });
    return await solveFor(host, model, budget, { ...rest, ...texts, rounding, folder, metric: chosen });
  } finally {
    await model.close();
  }
}
