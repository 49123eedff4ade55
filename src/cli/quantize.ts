import { readFile } from 'node:fs/promises';
import { type Command, Option } from 'commander';
import type { PlanPrediction } from '../allocate/types.ts';
import { UsageError } from '../core/errors.ts';
import type { Model } from '../model/types.ts';
import type { Forecast } from '../pipeline/preflight/forecast.node.ts';
import { checkOutputs, makeFolders, recordPath, refuseSource } from '../pipeline/preflight/outputs.node.ts';
import type { MeasuredLatency, QuantizeOptions, QuantizeResult, Target } from '../pipeline/quantize.node.ts';
import { type RoundingName, roundingNames } from '../quantize/types.ts';
import {
  type ActivationOptions,
  addActivationOptions,
  checkActivationOptions,
  describeActivations,
} from './support/activations.ts';
import {
  addBudgetOptions,
  BUDGET_FLAGS,
  type BudgetOptions,
  describeCosts,
  formatLatency,
  readWishes,
} from './support/budgets.ts';
import { describeCache } from './support/cache.ts';
import { printDryRun } from './support/dry-run.ts';
import { describeForecast } from './support/forecast.ts';
import { addWorkDirOption, type KeptOptions, openKept } from './support/kept.ts';
import { MODEL_ARGUMENT } from './support/model.ts';
import { addOutputOptions, addThreadsOption, type OutputOptions, wholeNumber } from './support/options.ts';
import { groupDigits, printResult } from './support/output.ts';
import { formatDuration } from './support/progress.ts';
import { formatShares } from './support/shares.ts';
import { formatSize } from './support/size.ts';
import { addSolverOptions, checkSolver, describeSearch, type SolverOptions } from './support/solver.ts';
import {
  addCalibrationOptions,
  addEvaluationOptions,
  type CalibrationOptions,
  type EvaluationOptions,
} from './support/texts.ts';
import { withProgress } from './support/work.ts';

interface QuantizeCommandOptions
  extends OutputOptions,
    KeptOptions,
    BudgetOptions,
    ActivationOptions,
    SolverOptions,
    CalibrationOptions,
    EvaluationOptions {
  readonly output: string;
  readonly type?: string;
  readonly plan?: string;
  readonly rounding: RoundingName;
  readonly palette?: readonly string[];
  readonly verify: boolean;
  readonly seed: number;
  readonly threads: number;
  readonly dryRun?: boolean;
  readonly yes?: boolean;
}

export function register(program: Command): void {
  const command = program
    .command('quantize')
    .description('make the best GGUF file of a model that fits a budget, and prove it')
    .argument('<model>', MODEL_ARGUMENT)
    .requiredOption('-o, --output <file>', 'the .gguf file to write')
    .option('--type <format>', 'one format everywhere, such as Q4_K; F32, F16 and BF16 convert')
    .option('--plan <file>', 'a saved or hand-made plan')
    .addOption(
      new Option('--rounding <method>', 'how weights are rounded').choices(roundingNames).default(roundingNames[0]),
    )
    .option('--palette <formats...>', 'formats to choose from, default all that GGUF holds')
    .option('--no-verify', 'do not measure the result against the original')
    .option('--seed <n>', 'seed of every random draw', wholeNumber(0, 2 ** 32 - 1), 0)
    .option('--dry-run', 'tell what the job takes and what the budget buys, and do nothing')
    .option('--yes', 'overwrite');
  addBudgetOptions(command);
  addActivationOptions(command);
  addSolverOptions(command);
  addCalibrationOptions(command);
  addEvaluationOptions(command);
  addWorkDirOption(command);
  addThreadsOption(command);
  addOutputOptions(command).action(quantize);
}

async function quantize(modelName: string, options: QuantizeCommandOptions): Promise<void> {
  const target = await readTarget(options);
  const outputs = [options.output, recordPath(options.output)];
  await checkOutputs(outputs, options.yes);
  const { model, path, folder } = await openKept(modelName, options, options.output);
  await refuseSource(outputs, path);
  const { calibrationTokens, heldOutTokens, sequenceLength } = await import('../pipeline/texts.node.ts');
  const heldOut = () => heldOutTokens(model, { files: options.evaluation, tokens: options.evaluationTokens });
  const calibration = () =>
    calibrationTokens(model, { files: options.calibration, tokens: options.calibrationTokens }, options.seed);
  const job: QuantizeOptions = {
    target,
    output: options.output,
    rounding: options.rounding,
    palette: options.palette,
    kvUniform: options.kvUniform,
    activations: options.activations,
    calibration: isPlain(options) ? undefined : calibration,
    evaluation: isVerified(options) ? heldOut : undefined,
    searchText: async () => (await heldOut()).searched,
    solver: options.solver,
    evaluations: options.evaluations,
    fuse: options.fuse,
    context: options.context,
    evaluationLength: sequenceLength(model),
    folder,
    seed: options.seed,
    threads: options.threads,
  };
  if (options.dryRun) return await printDryRun(model, job, options);
  await makeFolders(outputs);
  const { quantizeModel } = await import('../pipeline/quantize.node.ts');
  const { saveRun } = await import('../pipeline/run-record.node.ts');
  const onForecast = (forecast: Forecast) => {
    if (!options.quiet) console.error(`bitbudget: ${describeForecast(forecast)}`);
  };
  const result = await withProgress(options, (work) => quantizeModel(model, { ...work, ...job, onForecast }));
  const record = await saveRun(model, modelName, options.output, result);
  printResult(options, record, () => summary(model, options, result));
}

/** Exactly one of the three ways to say what is wanted: budgets, a format, a plan. */
async function readTarget(options: QuantizeCommandOptions): Promise<Target> {
  const { type, plan, rounding } = options;
  checkActivationOptions(options);
  const wishes = readWishes(options);
  if ([wishes, type, plan].filter((value) => value !== undefined).length !== 1)
    throw new UsageError(`target: give either budgets (${BUDGET_FLAGS}), or --type, or --plan`);
  if (options.fuse && wishes === undefined)
    throw new UsageError('--fuse is for budgets: --type gives all one format, and a --plan is carried out as it is');
  checkSolver(options, wishes);
  if (wishes !== undefined) return { kind: 'budgets', wishes };
  const { readPlan, uniformPlan } = await import('../pipeline/plan/plan-file.ts');
  if (type !== undefined) return { kind: 'plan', plan: uniformPlan(type, rounding) };
  return { kind: 'plan', plan: readPlan(await readText(plan!), plan!) };
}

/** One type everywhere, rounded to the nearest without any text: nothing is measured for it. */
function isPlain({ type, rounding, calibration }: QuantizeCommandOptions): boolean {
  return type !== undefined && rounding === 'nearest' && calibration === undefined;
}

/** Plain files are verified where text to verify on is given. */
function isVerified(options: QuantizeCommandOptions): boolean {
  return options.verify && (!isPlain(options) || options.evaluation !== undefined);
}

async function readText(path: string): Promise<string> {
  return await readFile(path, 'utf8').catch((error: NodeJS.ErrnoException) => {
    throw new UsageError(`${path}: cannot be read (${error.code}); give a plan.json`);
  });
}

function summary(model: Model, options: QuantizeCommandOptions, result: QuantizeResult): string[] {
  const { plan, evaluation, latency, fileBytes, bitsPerWeight, timings } = result;
  const lines = [
    `${options.output}: ${groupDigits(fileBytes)} bytes (${formatSize(fileBytes)}), ${bitsPerWeight.toFixed(3)} bits per weight`,
    `formats    ${formatShares(model, plan)}`,
  ];
  lines.push(...describeCache(plan), ...describeActivations(plan));
  const { prediction } = plan;
  if (prediction) {
    lines.push(`solved     ${prediction.status}: loss within ${prediction.gap.toExponential(1)} of the lower bound`);
    const asked = describeCosts(prediction, Object.keys(readWishes(options) ?? {}));
    if (asked.length > 0) lines.push(`takes      ${asked.join(', ')}`);
    lines.push(`predicted  KL ${prediction.kl.toFixed(5)} ± ${prediction.klError.toFixed(5)} nats per token`);
  }
  lines.push(...describeSearch(plan.search));
  if (evaluation) {
    const { kl, perplexity, referencePerplexity, topAgreement, tokens } = evaluation;
    lines.push(`measured   KL ${kl.mean.toFixed(5)} ± ${kl.standardError.toFixed(5)} on ${tokens} held-out tokens`);
    lines.push(
      `perplexity ${perplexity.mean.toFixed(3)}, original ${referencePerplexity.mean.toFixed(3)}; same top token ${(100 * topAgreement.mean).toFixed(1)} %`,
    );
  }
  if (latency) lines.push(`latency    ${describeLatency(latency, prediction!)}`);
  if (isPlain(options))
    lines.push(
      'text       none: every weight is rounded to the nearest (give --calibration for weights by importance)',
    );
  if (isPlain(options) && !evaluation)
    lines.push('measured   not at all (give --evaluation FILE, or compare with bitbudget eval)');
  if (options.calibration === undefined && result.measurement)
    lines.push('text       the package’s own public-domain books (give yours with --calibration)');
  const seconds = Object.entries(timings).map(([step, time]) => `${step} ${formatDuration(1000 * time)}`);
  lines.push(`time       ${seconds.join(', ')}; peak memory ${formatSize(1024 * process.resourceUsage().maxRSS)}`);
  lines.push(`run it     bitbudget run ${options.output} -p "Once upon a time"`);
  return lines;
}

function describeLatency({ milliseconds, spread, threads, context }: MeasuredLatency, plan: PlanPrediction): string {
  const [predicted] = describeCosts(plan, ['latency']);
  const setting = `${threads} thread${threads > 1 ? 's' : ''}, context ${context}`;
  return `${formatLatency(milliseconds, spread)} measured with the file, ${predicted} predicted; ${setting}`;
}
