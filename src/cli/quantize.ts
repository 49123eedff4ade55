import { readFile, stat } from 'node:fs/promises';
import { basename } from 'node:path';
import type { Command } from 'commander';
import type { PlanPrediction } from '../allocate/types.ts';
import { UsageError } from '../core/errors.ts';
import { referenceName } from '../model/source.ts';
import type { Model } from '../model/types.ts';
import type { PeerModel } from '../pipeline/peers/types.ts';
import type { MeasuredLatency, QuantizeResult, Target } from '../pipeline/quantize.node.ts';
import { describeSubstitutes } from '../quantize/substitutes.ts';
import { type RoundingName, roundingNames } from '../quantize/types.ts';
import { klWords } from '../report/scale.ts';
import type { Assignment, ReportData } from '../report/types.ts';
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
import { fileFacts } from './support/facts.ts';
import { knownTypes, mixBits, nearestLabel } from './support/formats.ts';
import { addExamples, GROUP } from './support/help.ts';
import { QUANTIZE_OUTLINE } from './support/job.ts';
import { checkContext, MODEL_ARGUMENT, openModelArgument, openWithPath } from './support/model.ts';
import { shortBits, shortName } from './support/name.ts';
import {
  addOutputOptions,
  addOverwriteOption,
  addSeedOption,
  addThreadsOption,
  choiceOption,
  type OutputOptions,
} from './support/options.ts';
import { describeBytes, printResult } from './support/output.ts';
import { refuseOverwrite } from './support/overwrite.ts';
import { formatDuration } from './support/progress.ts';
import { formatSize } from './support/size.ts';
import { addSolverOptions, checkSolver, describeSearch, objectiveFor, type SolverOptions } from './support/solver.ts';
import {
  addCalibrationOptions,
  addEvaluationOptions,
  type CalibrationOptions,
  checkTexts,
  type EvaluationOptions,
} from './support/texts.ts';
import { measuredLine, peerLines, predictedLine, solvedLine } from './support/words.ts';
import { withProgress } from './support/work.ts';

interface QuantizeCommandOptions
  extends OutputOptions,
    BudgetOptions,
    ActivationOptions,
    SolverOptions,
    CalibrationOptions,
    EvaluationOptions {
  readonly output?: string;
  readonly type?: string;
  readonly plan?: string;
  readonly rounding: RoundingName;
  readonly palette?: readonly string[];
  readonly verify: boolean;
  readonly peers?: boolean;
  readonly peer?: readonly string[];
  readonly report: boolean;
  readonly modelCard?: string;
  readonly workDir?: string;
  readonly seed: number;
  readonly threads: number;
  readonly yes?: boolean;
}

export function register(program: Command): void {
  const command = program
    .command('quantize')
    .description('make the best GGUF file of a model that fits a budget, and prove it')
    .argument('<model>', MODEL_ARGUMENT);
  addBudgetOptions(command);
  command
    .optionsGroup('Instead of a budget:')
    .option('--type <type>', 'one type everywhere, such as Q4_K; F32, F16 and BF16 convert')
    .option('--plan <file>', 'a saved or hand-made plan')
    .optionsGroup('Compare:')
    .option('--peers', 'make and measure what llama-quantize makes (Q4_K_M, Q8_0); predicted they are always')
    .option('--peer <files...>', 'GGUF files that you have: measured on the same text')
    .option('--no-verify', 'do not measure the result against the original');
  addSolverOptions(command);
  addActivationOptions(command);
  command
    .option('--palette <types...>', 'types to choose from, default all that GGUF holds')
    .addOption(choiceOption('--rounding <method>', 'how weights are rounded', roundingNames).default(roundingNames[0]));
  addCalibrationOptions(command);
  addEvaluationOptions(command);
  command
    .optionsGroup(GROUP.keep)
    .option('-o, --output <file>', 'the .gguf file to write; default <model>-<bits>bpw.gguf here')
    .option('--no-report', 'do not write the report beside it')
    .option(
      '--model-card <file>',
      'write a README.md for a hub; the default output name then says the nearest known type',
    )
    .option(
      '--work-dir <folder>',
      'where measurements and unfinished work are kept, default .bitbudget beside the output',
    );
  addThreadsOption(addOverwriteOption(addSeedOption(command)));
  addExamples(command, [
    ['quantize model/ --target-size 60M', 'the best file of at most 60 000 000 bytes'],
    ['quantize hf:user/repo --target-bpw 4.5 --peers', 'compared with what llama-quantize makes'],
    ['quantize model/ --target-size 1.8G --peer have.gguf', 'is it better than the file that I have?'],
    ['quantize model/ --type Q4_K', 'one type everywhere'],
  ]);
  addOutputOptions(command).action(quantize);
}

async function quantize(modelName: string, options: QuantizeCommandOptions): Promise<void> {
  const target = await readTarget(options);
  const palette = options.palette && (await knownTypes(options.palette, '--palette'));
  if (!options.verify && (options.peers || options.peer))
    throw new UsageError('--peers and --peer are measured where the result is: leave --no-verify out');
  const { model, path } = await openWithPath(modelName, options);
  checkContext(model, options.context);
  const output = options.output ?? (await defaultOutput(modelName, model, options, target));
  refuseOverwrite(output, options.yes);
  if (options.modelCard !== undefined) refuseOverwrite(options.modelCard, options.yes);
  // Other targets may need no text, and the package's own is long enough.
  if (target.kind === 'budgets' || options.calibration || options.evaluation)
    await checkTexts(model, options.verify ? options : { ...options, evaluationTokens: undefined });
  const peers = { measure: options.peers ?? false, models: await openPeers(options) };
  const { quantizeModel } = await import('../pipeline/quantize.node.ts');
  const { calibrationTokens, heldOutTokens, sequenceLength } = await import('../pipeline/texts.node.ts');
  const { saveRun } = await import('../pipeline/run-record.node.ts');
  const heldOut = () => heldOutTokens(model, { files: options.evaluation, tokens: options.evaluationTokens });
  const facts = await fileFacts(model, modelName, path, options.calibration);
  const result = await withProgress(
    options,
    async (work) =>
      quantizeModel(model, {
        ...work,
        target,
        output,
        rounding: options.rounding,
        palette,
        kvUniform: options.kvUniform,
        activations: options.activations,
        calibration: () =>
          calibrationTokens(model, { files: options.calibration, tokens: options.calibrationTokens }, options.seed),
        evaluation: options.verify ? heldOut : undefined,
        searchText: async () => (await heldOut()).searched,
        solver: options.solver,
        evaluations: options.evaluations,
        objective: objectiveFor(options),
        mostFormats: options.mostFormats,
        fuse: options.fuse,
        context: options.context,
        evaluationLength: sequenceLength(model),
        folder: options.workDir,
        seed: options.seed,
        threads: options.threads,
        facts,
        peers,
      }),
    QUANTIZE_OUTLINE,
  );
  const record = await saveRun({ model, name: shortName(modelName), output, result, facts, command: commandLine() });
  const written = await writeBeside(record, output, options);
  const { windowLostInLlamaCpp } = await import('../model/architecture.ts');
  const closing = { ...written, lostWindow: windowLostInLlamaCpp(model.config) };
  printResult(options, { ...record, ...written }, () => summary(record, model, options, result, closing));
}

/** What was typed, as it can be typed again. */
function commandLine(): string {
  const quoted = (word: string): string =>
    /^[\w@%+=:,./-]+$/.test(word) ? word : `'${word.replaceAll("'", "'\\''")}'`;
  return ['bitbudget', ...process.argv.slice(2).map(quoted)].join(' ');
}

/** Files that are made from the record. */
async function writeBeside(
  record: ReportData,
  output: string,
  { report, modelCard }: QuantizeCommandOptions,
): Promise<{ readonly report?: string; readonly modelCard?: string }> {
  const { writeWhole } = await import('../container/node.ts');
  const page = report ? `${output.replace(/\.gguf$/, '')}.report.html` : undefined;
  if (page !== undefined) {
    const { reportHtml } = await import('../report/html.ts');
    await writeWhole(page, reportHtml(record));
  }
  if (modelCard !== undefined) {
    const { modelCardText } = await import('../report/model-card.ts');
    await writeWhole(modelCard, modelCardText(record));
  }
  return { report: page, modelCard };
}

/** Files to compare with; a vocabulary that cannot be compared is told of before any work. */
async function openPeers(options: QuantizeCommandOptions): Promise<PeerModel[]> {
  const peers: PeerModel[] = [];
  for (const name of options.peer ?? []) {
    const model = await openModelArgument(name, options);
    peers.push({ name: basename(name), fileBytes: (await stat(name)).size, model });
  }
  return peers;
}

/** `<model>-4.5bpw.gguf` in this folder, by the budget; `<model>-Q4_K.gguf` with --type. */
async function defaultOutput(
  modelName: string,
  model: Model,
  { modelCard }: QuantizeCommandOptions,
  target: Target,
): Promise<string> {
  const { weightCount } = await import('../pipeline/plan/wishes.ts');
  const ofBytes = (bytes: number | undefined) => bytes && (8 * bytes) / weightCount(model);
  const bits =
    target.kind === 'budgets'
      ? (target.wishes.bitsPerWeight ?? ofBytes(target.wishes.bytes))
      : ofBytes(target.plan.prediction?.fileBytes);
  const type = target.kind === 'plan' ? target.plan.default : undefined;
  const size = bits === undefined ? (type ?? 'bitbudget') : `${shortBits(bits)}bpw`;
  const label = modelCard !== undefined && bits !== undefined ? `-${nearestLabel(bits)}` : '';
  return `${shortName(modelName)}-${size}${label}.gguf`;
}

/** Exactly one of the three ways to say what is wanted: budgets, a format, a plan. */
async function readTarget(options: QuantizeCommandOptions): Promise<Target> {
  const { type, plan, rounding } = options;
  checkActivationOptions(options);
  const wishes = readWishes(options);
  if ([wishes, type, plan].filter((value) => value !== undefined).length !== 1)
    throw new UsageError(`target: give either budgets (${BUDGET_FLAGS}), or --type, or --plan`);
  const mix = type === undefined ? undefined : mixBits(type);
  if (mix !== undefined) return { kind: 'budgets', wishes: { bitsPerWeight: mix } };
  if (options.fuse && wishes === undefined)
    throw new UsageError('--fuse is for budgets: --type gives all one format, and a --plan is carried out as it is');
  checkSolver(options, wishes);
  if (wishes !== undefined) return { kind: 'budgets', wishes };
  const { readPlan, uniformPlan } = await import('../pipeline/plan/plan-file.ts');
  if (type !== undefined) return { kind: 'plan', plan: uniformPlan((await knownTypes([type], '--type'))[0], rounding) };
  return { kind: 'plan', plan: readPlan(await readText(plan!), plan!) };
}

async function readText(path: string): Promise<string> {
  return await readFile(path, 'utf8').catch((error: NodeJS.ErrnoException) => {
    throw new UsageError(`${path}: cannot be read (${error.code}); give a plan.json`);
  });
}

/** What is said last. */
interface Closing {
  readonly report?: string;
  readonly modelCard?: string;
  /** Width of a sliding window that llama.cpp will not keep to, in tokens. */
  readonly lostWindow?: number;
}

function summary(
  record: ReportData,
  model: Model,
  options: QuantizeCommandOptions,
  result: QuantizeResult,
  closing: Closing,
): string[] {
  const { plan, evaluation, latency, fileBytes, bitsPerWeight, timings, peers = [] } = result;
  const output = record.result.file;
  const lines = [`${output}: ${describeBytes(fileBytes)}, ${bitsPerWeight.toFixed(3)} bits per weight`];
  const mix = options.type === undefined ? undefined : mixBits(options.type);
  if (mix !== undefined)
    lines.push(
      `${options.type!.padEnd(10)} is a mix of types of about ${mix} bits per weight: this is the best file of that size`,
    );
  lines.push(
    `formats    ${formatShares(record.assignments)}`,
    ...describeSubstitutes(result.substitutes ?? []).map((line) => `stored     ${line}`),
    ...describeCache(plan),
    ...describeActivations(plan),
  );
  const { prediction } = plan;
  if (prediction) {
    const asked = describeCosts(prediction, Object.keys(readWishes(options) ?? {}));
    if (asked.length > 0) lines.push(`takes      ${asked.join(', ')}`);
    lines.push(solvedLine(prediction), predictedLine(prediction));
  }
  lines.push(...describeSearch(plan.search));
  if (evaluation) {
    const { kl, perplexity, referencePerplexity, topAgreement, tokens } = evaluation;
    lines.push(measuredLine(kl, tokens));
    lines.push(
      `perplexity ${perplexity.mean.toFixed(3)}, ${referenceName(model)} ${referencePerplexity.mean.toFixed(3)}; same top token ${(100 * topAgreement.mean).toFixed(1)} %`,
    );
  } else if (prediction) lines.push(`           ${klWords(prediction.kl)}`);
  const kl = evaluation?.kl.mean ?? prediction?.kl;
  if (kl !== undefined) lines.push(...peerLines(peers, { fileBytes, kl }));
  if (latency) lines.push(`latency    ${describeLatency(latency, prediction!)}`);
  if (options.calibration === undefined && result.measurement)
    lines.push('text       the package’s own public-domain books (give yours with --calibration)');
  lines.push(...closingLines(output, timings, closing));
  return lines;
}

function closingLines(
  output: string,
  timings: QuantizeResult['timings'],
  { report, modelCard, lostWindow }: Closing,
): string[] {
  const lines: string[] = [];
  if (lostWindow !== undefined)
    lines.push(
      `window     llama.cpp ignores the model's sliding window of ${lostWindow} tokens: its answers differ on longer texts`,
    );
  const seconds = Object.entries(timings).map(([step, time]) => `${step} ${formatDuration(1000 * time)}`);
  lines.push(`time       ${seconds.join(', ')}; peak memory ${formatSize(1024 * process.resourceUsage().maxRSS)}`);
  if (modelCard) lines.push(`card       ${modelCard}`);
  if (report) lines.push(`report     ${report}`);
  lines.push(`run it     bitbudget run ${output} -p "Once upon a time"`);
  return lines;
}

function describeLatency({ milliseconds, spread, threads, context }: MeasuredLatency, plan: PlanPrediction): string {
  const [predicted] = describeCosts(plan, ['latency']);
  const setting = `${threads} thread${threads > 1 ? 's' : ''}, context ${context}`;
  return `${formatLatency(milliseconds, spread)} measured with the file, ${predicted} predicted; ${setting}`;
}

/** `Q4_K 61 %, Q6_K 39 %` by weights of what the file holds. */
function formatShares(assignments: readonly Assignment[]): string {
  const total = assignments.reduce((sum, { rows, columns }) => sum + rows * columns, 0);
  const shares = [...Map.groupBy(assignments, ({ format }) => format)]
    .map(([format, members]) => ({
      format,
      weights: members.reduce((sum, { rows, columns }) => sum + rows * columns, 0),
    }))
    .sort((a, b) => b.weights - a.weights);
  return shares.map(({ format, weights }) => `${format} ${((100 * weights) / total).toFixed(0)} %`).join(', ');
}
