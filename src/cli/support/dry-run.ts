import type { Model } from '../../model/types.ts';
import type { QuantizeOptions } from '../../pipeline/quantize-options.ts';
import { describeForecast } from './forecast.ts';
import type { OutputOptions } from './options.ts';
import { describeBytes, printResult } from './output.ts';
import { formatShares } from './shares.ts';
import { predictedLine } from './words.ts';
import { withProgress } from './work.ts';

/** Prints what a job would take and give. */
export async function printDryRun(model: Model, job: QuantizeOptions, options: OutputOptions): Promise<void> {
  const { nodeHost } = await import('../../pipeline/host/node.ts');
  const { dryRun } = await import('../../pipeline/dry-run.ts');
  const result = await withProgress(options, (work) => dryRun(nodeHost, model, { ...work, ...job }));
  const { forecast, bitsPerWeight, plan, isCorrected } = result;
  const { basis: _, ...takes } = forecast;
  const { matrices } = await import('../../quantize/sensitivity.ts');
  const parts = matrices(model).map(({ name, shape: [rows, columns] }) => ({
    format: plan?.sites[name] ?? '',
    rows,
    columns,
  }));
  printResult(options, { takes, bitsPerWeight, plan, isCorrected }, () => [
    `would write ${job.output}: ${describeBytes(plan?.prediction?.fileBytes ?? forecast.outputBytes)}, ${bitsPerWeight.toFixed(3)} bits per weight`,
    describeForecast(forecast),
    ...(plan === undefined
      ? [lossUnknown(job)]
      : [`formats    ${formatShares(parts)}`, predictedLine(plan.prediction!, model)]),
  ]);
}

function lossUnknown({ target }: QuantizeOptions): string {
  return target.kind === 'plan'
    ? 'predicted  nothing: plans that are given are only measured'
    : 'predicted  nothing yet: this model is not measured with this text, so all that is known are bits per weight';
}
