import type { BitPlan } from '../../allocate/types.ts';
import type { Model } from '../../model/types.ts';
import type { QuantizeOptions } from '../../pipeline/quantize.node.ts';
import { describeForecast } from './forecast.ts';
import type { OutputOptions } from './options.ts';
import { printResult } from './output.ts';
import { formatShares } from './shares.ts';
import { formatSize } from './size.ts';
import { withProgress } from './work.ts';

/** Prints what a job would take and give. */
export async function printDryRun(model: Model, job: QuantizeOptions, options: OutputOptions): Promise<void> {
  const { dryRun } = await import('../../pipeline/dry-run.node.ts');
  const result = await withProgress(options, (work) => dryRun(model, { ...work, ...job }));
  const { forecast, bitsPerWeight, plan, isCorrected } = result;
  const { basis: _, ...takes } = forecast;
  printResult(options, { schemaVersion: 1, takes, bitsPerWeight, plan, isCorrected }, () => [
    `would write ${job.output}: ${formatSize(plan?.prediction?.fileBytes ?? forecast.outputBytes)}, ${bitsPerWeight.toFixed(3)} bits per weight`,
    describeForecast(forecast),
    ...(plan === undefined
      ? [lossUnknown(job)]
      : [`formats    ${formatShares(model, plan)}`, predictionLine(plan, isCorrected)]),
  ]);
}

function lossUnknown({ target }: QuantizeOptions): string {
  return target.kind === 'plan'
    ? 'predicted  nothing: plans that are given are only measured'
    : 'predicted  nothing yet: this model is not measured with this text, so all that is known are bits per weight';
}

function predictionLine({ prediction }: BitPlan, isCorrected: boolean): string {
  const { kl, klError } = prediction!;
  const basis = isCorrected ? 'corrected by evaluations of earlier runs' : 'not corrected yet by any evaluation';
  return `predicted  KL ${kl.toFixed(5)} ± ${klError.toFixed(5)} nats per token, ${basis}`;
}
