import { type Command, Option } from 'commander';
import type { BitPlan } from '../allocate/types.ts';
import { UsageError } from '../core/errors.ts';
import { type RoundingName, roundingNames } from '../quantize/types.ts';
import { MODEL_ARGUMENT, openModelArgument } from './support/model.ts';
import { addOutputOptions, addThreadsOption, decimal, type OutputOptions, wholeNumber } from './support/options.ts';
import { groupDigits, printResult, table } from './support/output.ts';
import { refuseOverwrite } from './support/overwrite.ts';
import { parseSize } from './support/size.ts';
import { addCalibrationOptions, type CalibrationOptions } from './support/texts.ts';
import { withProgress } from './support/work.ts';

interface PlanCommandOptions extends OutputOptions, CalibrationOptions {
  readonly targetSize?: string;
  readonly targetBpw?: number;
  readonly frontier?: boolean;
  readonly output?: string;
  readonly tensorTypeFile?: string;
  readonly rounding: RoundingName;
  readonly palette?: readonly string[];
  readonly workDir: string;
  readonly seed: number;
  readonly threads: number;
  readonly yes?: boolean;
}

export function register(program: Command): void {
  const command = program
    .command('plan')
    .description('choose the format of every matrix for a budget, without writing the model')
    .argument('<model>', MODEL_ARGUMENT)
    .option('--target-size <size>', 'most bytes of the finished file: 61234567, 60MB or 57MiB')
    .option('--target-bpw <bits>', 'most bits per weight of the finished file', decimal(0.5, 40))
    .option('--frontier', 'the best predicted loss at every size')
    .option('-o, --output <file>', 'save the plan, for quantize --plan')
    .option('--tensor-type-file <file>', 'save the plan for llama-quantize --tensor-type-file')
    .addOption(
      new Option('--rounding <method>', 'rounding that the prices are for')
        .choices(roundingNames)
        .default(roundingNames[0]),
    )
    .option('--palette <formats...>', 'formats to choose from, default all that GGUF holds')
    .option('--work-dir <folder>', 'where the measurement is kept', '.bitbudget')
    .option('--seed <n>', 'seed of every random draw', wholeNumber(0, 2 ** 32 - 1), 0)
    .option('--yes', 'overwrite');
  addCalibrationOptions(command);
  addThreadsOption(command);
  addOutputOptions(command).action(plan);
}

async function plan(modelName: string, options: PlanCommandOptions): Promise<void> {
  if ([options.targetSize, options.targetBpw, options.frontier].filter((value) => value !== undefined).length !== 1) {
    throw new UsageError('target: give exactly one of --target-size, --target-bpw and --frontier');
  }
  const outputs = [options.output, options.tensorTypeFile].filter((path) => path !== undefined);
  if (options.frontier && outputs.length > 0) throw new UsageError('--frontier is many plans; give a size to save one');
  for (const path of outputs) refuseOverwrite(path, options.yes);
  const bytes = options.targetSize === undefined ? undefined : parseSize(options.targetSize);
  const model = await openModelArgument(modelName, options);
  const { solveFor } = await import('../pipeline/solve.node.ts');
  const { calibrationTokens } = await import('../pipeline/texts.node.ts');
  const { writeWhole } = await import('../container/node.ts');
  const plans = await withProgress(options, (work) =>
    solveFor(model, bytes ?? options.targetBpw, {
      ...work,
      ...options,
      sizeIn: bytes === undefined ? 'bitsPerWeight' : 'bytes',
      folder: options.workDir,
      calibration: () =>
        calibrationTokens(model, { files: options.calibration, tokens: options.calibrationTokens }, options.seed),
    }),
  );
  if (options.output) await writeWhole(options.output, `${JSON.stringify(plans[0], null, 1)}\n`);
  if (options.tensorTypeFile) await writeWhole(options.tensorTypeFile, tensorTypes(plans[0]));
  if (options.frontier)
    printResult(
      options,
      plans.map(({ prediction }) => prediction),
      () => frontierTable(plans),
    );
  else printResult(options, plans[0], () => planTable(plans[0]));
}

/** One `name=type` per line, names as exact regular expressions: llama-quantize takes the first that matches. */
function tensorTypes({ formats }: BitPlan): string {
  return Object.entries(formats)
    .map(([name, type]) => `^${name.replaceAll('.', '\\.')}$=${type.toLowerCase()}\n`)
    .join('');
}

function frontierTable(plans: readonly BitPlan[]): string[] {
  const rows = plans.map(({ prediction }) => [
    groupDigits(prediction!.fileBytes),
    prediction!.kl.toFixed(5),
    prediction!.klError.toFixed(5),
  ]);
  return table(['bytes', 'predicted KL', '±'], rows);
}

function planTable({ formats, prediction }: BitPlan): string[] {
  const { fileBytes, kl, klError, status, gap } = prediction!;
  return [
    `${groupDigits(fileBytes)} bytes; predicted KL ${kl.toFixed(5)} ± ${klError.toFixed(5)} nats per token; ${status}, gap ${gap.toExponential(1)}`,
    ...table(['matrix', 'format'], Object.entries(formats)),
  ];
}
