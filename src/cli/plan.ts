import { existsSync } from 'node:fs';
import { join } from 'node:path';
import type { Command } from 'commander';
import { solvers } from '../allocate/solvers/table.ts';
import type { BitPlan } from '../allocate/types.ts';
import { UsageError } from '../core/errors.ts';
import type { Metric } from '../measure/metrics/types.ts';
import type { Site } from '../model/sites.ts';
import type { Model } from '../model/types.ts';
import type { Wishes } from '../pipeline/plan/wishes.ts';
import { checkOutputs, makeFolders, refuseSource } from '../pipeline/preflight/outputs.node.ts';
import type { Solved } from '../pipeline/solve.ts';
import { type RoundingName, roundingNames } from '../quantize/types.ts';
import { KL_SCALE_LINE, klWords } from '../report/scale.ts';
import { type ActivationOptions, addActivationOptions, checkActivationOptions } from './support/activations.ts';
import { addBudgetOptions, BUDGET_FLAGS, type BudgetOptions, describeCosts, readWishes } from './support/budgets.ts';
import { knownTypes } from './support/formats.ts';
import { addExamples, GROUP } from './support/help.ts';
import { PLAN_OUTLINE } from './support/job.ts';
import { addWorkDirOption, type KeptOptions, openKept } from './support/kept.ts';
import { knee, landmarks } from './support/landmarks.ts';
import { checkContext, MODEL_ARGUMENT } from './support/model.ts';
import { shortBits, shortName } from './support/name.ts';
import {
  addOutputOptions,
  addOverwriteOption,
  addSeedOption,
  addThreadsOption,
  choiceOption,
  type OutputOptions,
} from './support/options.ts';
import { describeBytes, groupDigits, printResult, table } from './support/output.ts';
import { describeRunning } from './support/sites.ts';
import { addSolverOptions, checkSolver, describeSearch, objectiveFor, type SolverOptions } from './support/solver.ts';
import {
  addCalibrationOptions,
  addEvaluationOptions,
  type CalibrationOptions,
  checkTexts,
  type EvaluationOptions,
} from './support/texts.ts';
import { formatKl, lossName, measuredLine, peerLines, predictedLine, solvedLine } from './support/words.ts';
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
  readonly metric?: string;
  readonly frontier?: boolean;
  readonly byExpert?: boolean;
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
    .option(
      '--by-expert',
      'mixtures of experts: a format for every expert; for comparing, since GGUF holds one for all',
    )
    .option('--probe', 'round and evaluate eight plans first, and correct all predictions by what they cost');
  addBudgetOptions(command);
  addSolverOptions(command);
  addActivationOptions(command);
  command
    .option('--palette <types...>', 'types to choose from, default all that GGUF holds')
    .option('--metric <name>', 'choose by this metric of sensitivity (bitbudget metrics list); default predicted KL')
    .addOption(
      choiceOption('--rounding <method>', 'rounding that the prices are for', roundingNames).default(roundingNames[0]),
    );
  addCalibrationOptions(command);
  addEvaluationOptions(command);
  command
    .optionsGroup(GROUP.keep)
    .option('-o, --output <path>', 'save the plan, for quantize --plan; with --frontier a folder for all of them')
    .option('--tensor-type-file <file>', 'save the plan for llama-quantize --tensor-type-file');
  addWorkDirOption(command);
  addThreadsOption(addOverwriteOption(addSeedOption(command)));
  addExamples(command, [
    ['plan model/ --frontier', 'what every size would cost'],
    ['plan model/ --target-size 60M -o plan.json', 'one plan, for quantize --plan'],
    ['plan model/ --target-bpw 4.5 --max-latency 25ms', 'two budgets at once'],
  ]);
  addOutputOptions(command).action(plan);
}

async function plan(modelName: string, options: PlanCommandOptions): Promise<void> {
  const wishes = readGoal(options);
  const palette = options.palette && (await knownTypes(options.palette, '--palette'));
  const outputs = await checkedOutputs(options);
  const metric = await readMetric(options);
  const { model, path, folder } = await openKept(modelName, options, outputs[0]);
  checkContext(model, options.context);
  await refuseSource(outputs, path);
  const isEvaluated = options.probe || options.evaluation !== undefined;
  await checkTexts(model, isEvaluated ? options : { ...options, evaluationTokens: undefined });
  await makeFolders(outputs);
  const { nodeHost } = await import('../pipeline/host/node.ts');
  const { solveFor } = await import('../pipeline/solve.ts');
  const { weightCount } = await import('../pipeline/plan/wishes.ts');
  const { jobTexts } = await import('../pipeline/job.ts');
  const texts = await jobTexts(nodeHost, model, {
    calibration: { files: options.calibration, tokens: options.calibrationTokens },
    evaluation: { files: options.evaluation, tokens: options.evaluationTokens },
    seed: options.seed,
  });
  const { sitesOf } = await import('../model/sites.ts');
  const [weights, sites] = [weightCount(model), sitesOf(model)];
  const solved = await withProgress(
    options,
    (work) =>
      solveFor(nodeHost, model, wishes, {
        ...work,
        ...options,
        palette,
        objective: objectiveFor(options),
        metric,
        folder,
        ...texts,
        peers: true,
      }),
    PLAN_OUTLINE,
  );
  if (options.frontier) await printFrontier(modelName, options, solved, { weights, model });
  else await printPlan(options, solved, { weights, sites, model });
}

/** Files to be written, checked; of `--frontier` a name in its folder stands for all. */
async function checkedOutputs({ frontier, output, tensorTypeFile, yes }: PlanCommandOptions): Promise<string[]> {
  if (!frontier) {
    const files = [output, tensorTypeFile].filter((path) => path !== undefined);
    await checkOutputs(files, yes);
    return files;
  }
  if (tensorTypeFile !== undefined)
    throw new UsageError('--frontier is many plans; give a size to save one for llama-quantize');
  if (output === undefined) return [];
  if (!yes && existsSync(output)) throw new UsageError(`${output}: already exists; give --yes to overwrite it`);
  const files = [join(output, 'plan.json')];
  await checkOutputs(files, true);
  return files;
}

/** The budgets asked for; none with --frontier. */
function readGoal(options: PlanCommandOptions): Wishes | undefined {
  const { frontier } = options;
  checkActivationOptions(options);
  const wishes = readWishes(options);
  if ((wishes !== undefined) === (frontier ?? false))
    throw new UsageError(`target: give budgets (${BUDGET_FLAGS}), or --frontier for all sizes`);
  checkSolver(options, wishes);
  if (options.byExpert) checkByExpert(options, wishes);
  return wishes;
}

/** @throws UsageError for what is not chosen expert by expert */
function checkByExpert(options: PlanCommandOptions, wishes: Wishes | undefined): void {
  const isSize = wishes !== undefined && Object.keys(wishes).every((name) => ['bytes', 'bitsPerWeight'].includes(name));
  if (!isSize) throw new UsageError('--by-expert: give --target-size or --target-bpw, and no other budget');
  const { metric, solver, probe, fuse, objective, mostFormats, tensorTypeFile } = options;
  if ([metric, solver, probe, fuse, objective, mostFormats, tensorTypeFile].some((value) => value !== undefined))
    throw new UsageError('--by-expert chooses by predicted KL alone; leave the other choices out');
}

/** @throws UsageError for an unknown metric, and for choices that a score of matrices says nothing of */
async function readMetric(options: PlanCommandOptions): Promise<Metric | undefined> {
  const { metric: name, solver, frontier } = options;
  if (name === undefined) return undefined;
  const { metricsNamed } = await import('../measure/metrics/table.ts');
  const [metric] = metricsNamed([name]);
  if (options.kvBudget !== undefined || options.activations !== undefined)
    throw new UsageError('--metric scores matrices alone; leave --kv-budget and --activations out');
  if (solver !== undefined && solvers.get(solver)?.evaluations !== undefined)
    throw new UsageError(`--metric: --solver ${solver} chooses by true KL; leave one of them out`);
  if (frontier && metric.combine !== undefined)
    throw new UsageError(`--metric ${name} scores whole plans; give a budget in the place of --frontier`);
  return metric;
}

async function printFrontier(
  modelName: string,
  options: PlanCommandOptions,
  { plans, peers }: Solved,
  { weights, model }: Pick<Planned, 'weights' | 'model'>,
): Promise<void> {
  const shown = landmarks(plans, weights);
  const bend = knee(shown);
  const isEncoder = model.config.embedding !== undefined;
  const bits = ({ prediction }: BitPlan): number => (8 * prediction!.fileBytes) / weights;
  const folder = options.output;
  if (folder !== undefined) {
    const { writeWhole } = await import('../container/node.ts');
    for (const each of shown)
      await writeWhole(join(folder, `${shortName(modelName)}-${shortBits(bits(each))}bpw.json`), planText(each));
  }
  const rows = shown.map((each, i) => ({
    ...each.prediction!,
    bitsPerWeight: bits(each),
    knee: i === bend,
  }));
  printResult(options, { frontier: rows, peers }, () => [
    ...table(
      [
        'bits',
        'bytes',
        'MB',
        'below 5 bits',
        lossName(model),
        'nine of ten lie in',
        isEncoder ? '' : 'what people see',
      ],
      rows.map(({ bitsPerWeight, fileBytes, quantizationRatio, kl, klInterval, knee }) => [
        bitsPerWeight.toFixed(2),
        groupDigits(fileBytes),
        (fileBytes / 1e6).toFixed(2),
        `${(100 * quantizationRatio!).toFixed(0)} %`,
        formatKl(kl),
        `${formatKl(klInterval!.low)} to ${formatKl(klInterval!.high)}`,
        `${isEncoder ? '' : klWords(kl)}${knee ? ' ← knee: below it, bits cost more and more' : ''}`,
      ]),
    ),
    ...rows.slice(0, 1).flatMap(({ corrected }) => (corrected ? [] : [UNCORRECTED])),
    '',
    ...peerTable(peers),
    ...(isEncoder ? [] : [KL_SCALE_LINE]),
    folder === undefined
      ? 'save one    bitbudget plan … --target-bpw BITS -o plan.json; all of them: --frontier -o FOLDER'
      : `saved       ${folder}/`,
  ]);
}

const UNCORRECTED =
  'correct it by --probe, which rounds and evaluates eight plans; quantize evaluates what it makes of its own accord';

function peerTable(peers: Solved['peers']): string[] {
  const rows = peers
    .filter(({ kind }) => kind === 'llama-quantize')
    .map(({ name, fileBytes, bitsPerWeight, predicted }) => [
      name,
      bitsPerWeight.toFixed(2),
      groupDigits(fileBytes),
      (fileBytes / 1e6).toFixed(2),
      formatKl(predicted!.kl),
    ]);
  return rows.length === 0 ? [] : [...table(['by llama-quantize', 'bits', 'bytes', 'MB', 'KL'], rows), ''];
}

/** What a plan is of. */
interface Planned {
  readonly weights: number;
  readonly sites: readonly Site[];
  readonly model: Model;
}

async function printPlan(options: PlanCommandOptions, solved: Solved, planned: Planned): Promise<void> {
  const { sites } = planned;
  const [chosen] = solved.plans;
  const { writeWhole } = await import('../container/node.ts');
  if (options.output) await writeWhole(options.output, planText(chosen));
  if (options.tensorTypeFile) await writeWhole(options.tensorTypeFile, tensorTypes(sites, chosen));
  const { measured, peers } = solved;
  printResult(options, { ...chosen, ...(measured && { measured }), peers }, () => planLines(options, solved, planned));
}

function planText(plan: BitPlan): string {
  return `${JSON.stringify(plan, null, 1)}\n`;
}

/** One `name=type` per line, names as exact regular expressions: llama-quantize takes the first that matches. */
function tensorTypes(sites: readonly Site[], plan: BitPlan): string {
  return sites
    .filter(({ kind }) => kind === 'weight')
    .map(({ id }) => `^${id.replaceAll('.', '\\.')}$=${plan.sites[id].toLowerCase()}\n`)
    .join('');
}

function planLines(
  options: PlanCommandOptions,
  { plans: [plan], measured, peers }: Solved,
  { weights, sites, model }: Planned,
): string[] {
  const { prediction, search } = plan;
  const { fileBytes, kl, quantizationRatio } = prediction!;
  const asked = describeCosts(prediction!, Object.keys(readWishes(options) ?? {}));
  const seen = model.config.embedding === undefined ? [`           ${klWords(kl)}`] : [];
  return [
    `${describeBytes(fileBytes)}, ${((8 * fileBytes) / weights).toFixed(3)} bits per weight`,
    ...(asked.length > 0 ? [`takes      ${asked.join(', ')}`] : []),
    solvedLine(prediction!),
    predictedLine(prediction!, model),
    ...(measured ? [measuredLine(measured.kl, measured.tokens, model)] : seen),
    ...(quantizationRatio === undefined ? [] : [lowBitsLine(quantizationRatio)]),
    ...(plan.experts
      ? ['experts    each in a format of its own: no file holds such a plan yet, quantize refuses it']
      : []),
    ...describeSearch(search),
    ...describeRunning(sites, plan),
    ...peerLines(peers, { fileBytes, kl: measured?.kl.mean ?? kl }, model),
    ...(measured || prediction!.corrected ? [] : [UNCORRECTED]),
    '',
    ...table(
      ['site', 'option'],
      [
        ...Object.entries(plan.sites),
        ...Object.entries(plan.experts ?? {}).map(([tensor, formats]) => [tensor, formats.join(' ')]),
      ],
    ),
  ];
}

function lowBitsLine(ratio: number): string {
  return `low bits   ${(100 * ratio).toFixed(1)} % of the weights in formats below 5 bits (quantization ratio)`;
}
