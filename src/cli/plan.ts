import { type Command, Option } from 'commander';
import type { BitPlan } from '../allocate/types.ts';
import { UsageError } from '../core/errors.ts';
import type { Wishes } from '../pipeline/plan/wishes.ts';
import { checkOutputs, makeFolders, refuseSource } from '../pipeline/preflight/outputs.node.ts';
import { type RoundingName, roundingNames } from '../quantize/types.ts';
import {
  type ActivationOptions,
  addActivationOptions,
  checkActivationOptions,
  describeActivations,
} from './support/activations.ts';
import { addBudgetOptions, BUDGET_FLAGS, type BudgetOptions, describeCosts, readWishes } from './support/budgets.ts';
import { describeCache } from './support/cache.ts';
import { addWorkDirOption, type KeptOptions, openKept } from './support/kept.ts';
import { MODEL_ARGUMENT } from './support/model.ts';
import { addOutputOptions, addThreadsOption, type OutputOptions, wholeNumber } from './support/options.ts';
import { groupDigits, printResult, table } from './support/output.ts';
import { addSolverOptions, checkSolver, describeSearch, type SolverOptions } from './support/solver.ts';
import {
  addCalibrationOptions,
  addEvaluationOptions,
  type CalibrationOptions,
  type EvaluationOptions,
} from './support/texts.ts';
import { withProgress } from './support/work.ts';

interface PlanCommandOptions
  extends OutputOptions,
    KeptOptions,
    BudgetOptions,
    ActivationOptions,
    SolverOptions,
    CalibrationOptions,
    EvaluationOptions {
  readonly probe?: boolean;
  readonly frontier?: boolean;
  readonly output?: string;
  readonly tensorTypeFile?: string;
  readonly rounding: RoundingName;
  readonly palette?: readonly string[];
  readonly seed: number;
  readonly threads: number;
  readonly yes?: boolean;
}

export function register(program: Command): void {
  const command = program
    .command('plan')
    .description('choose the format of every matrix for a budget, without writing the model')
    .argument('<model>', MODEL_ARGUMENT)
    .option('--frontier', 'the best predicted loss at every size')
    .option('--probe', 'round and evaluate eight plans first, and correct all predictions by what they cost')
    .option('-o, --output <file>', 'save the plan, for quantize --plan')
    .option('--tensor-type-file <file>', 'save the plan for llama-quantize --tensor-type-file')
    .addOption(
      new Option('--rounding <method>', 'rounding that the prices are for')
        .choices(roundingNames)
        .default(roundingNames[0]),
    )
    .option('--palette <formats...>', 'formats to choose from, default all that GGUF holds')
    .option('--seed <n>', 'seed of every random draw', wholeNumber(0, 2 ** 32 - 1), 0)
    .option('--yes', 'overwrite');
  addBudgetOptions(command);
  addActivationOptions(command);
  addSolverOptions(command);
  addCalibrationOptions(command);
  addEvaluationOptions(command);
  addWorkDirOption(command);
  addThreadsOption(command);
  addOutputOptions(command).action(plan);
}

async function plan(modelName: string, options: PlanCommandOptions): Promise<void> {
  const wishes = readGoal(options);
  const outputs = [options.output, options.tensorTypeFile].filter((path) => path !== undefined);
  if (options.frontier && outputs.length > 0) throw new UsageError('--frontier is many plans; give a size to save one');
  await checkOutputs(outputs, options.yes);
  const { model, path, folder } = await openKept(modelName, options, outputs[0]);
  await refuseSource(outputs, path);
  await makeFolders(outputs);
  const { solveFor } = await import('../pipeline/solve.node.ts');
  const { calibrationTokens, heldOutTokens } = await import('../pipeline/texts.node.ts');
  const { writeWhole } = await import('../container/node.ts');
  const heldOut = () => heldOutTokens(model, { files: options.evaluation, tokens: options.evaluationTokens });
  const plans = await withProgress(options, (work) =>
    solveFor(model, wishes, {
      ...work,
      ...options,
      folder,
      calibration: () =>
        calibrationTokens(model, { files: options.calibration, tokens: options.calibrationTokens }, options.seed),
      evaluation: options.probe ? heldOut : undefined,
      searchText: async () => (await heldOut()).searched,
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

/** The budgets asked for; none with --frontier. */
function readGoal(options: PlanCommandOptions): Wishes | undefined {
  const { frontier } = options;
  checkActivationOptions(options);
  const wishes = readWishes(options);
  if ((wishes !== undefined) === (frontier ?? false))
    throw new UsageError(`target: give budgets (${BUDGET_FLAGS}), or --frontier for all sizes`);
  checkSolver(options, wishes);
  return wishes;
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

function planTable(plan: BitPlan): string[] {
  const { formats, prediction, search } = plan;
  const { fileBytes, kl, klError, status, bound, gap } = prediction!;
  return [
    [`${groupDigits(fileBytes)} bytes`, ...describeCosts(prediction!)].join('; '),
    `predicted KL ${kl.toFixed(5)} ± ${klError.toFixed(5)} nats per token; ${status}: bound ${bound.toFixed(5)}, gap ${gap.toExponential(1)}`,
    ...describeSearch(search),
    ...describeCache(plan),
    ...describeActivations(plan),
    ...table(
      ['matrix', 'format'],
      Object.entries(formats).map(([name, format]) => [name, inputName(format, plan.activations?.[name])]),
    ),
  ];
}

/** `Q4_K, inputs of 8 bits` */
function inputName(format: string, bits: number | undefined): string {
  return bits === undefined ? format : `${format}, inputs of ${bits} bits`;
}
