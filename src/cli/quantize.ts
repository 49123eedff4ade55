import { readFile, stat } from 'node:fs/promises';
import { basename } from 'node:path';
import type { Command } from 'commander';
import { UsageError } from '../core/errors.ts';
import type { Model } from '../model/types.ts';
import type { Job } from '../pipeline/job.ts';
import type { PeerModel } from '../pipeline/peers/types.ts';
import { checkOutputs, makeFolders, refuseSource } from '../pipeline/preflight/outputs.node.ts';
import type { Forecast } from '../pipeline/preflight/types.ts';
import type { Target } from '../pipeline/quantize-options.ts';
import { recordPath } from '../pipeline/record-path.ts';
import { roundingNames } from '../quantize/types.ts';
import type { ReportData } from '../report/types.ts';
import { summary, type WrittenBeside } from './quantize-summary.ts';
import { addActivationOptions, checkActivationOptions } from './support/activations.ts';
import { addBudgetOptions, BUDGET_FLAGS, readWishes } from './support/budgets.ts';
import { printDryRun } from './support/dry-run.ts';
import { describeForecast } from './support/forecast.ts';
import { knownTypes, mixBits, nearestLabel } from './support/formats.ts';
import { addExamples, GROUP } from './support/help.ts';
import { outlineOf } from './support/job.ts';
import { addWorkDirOption, openKept } from './support/kept.ts';
import { checkContext, MODEL_ARGUMENT, openModelArgument } from './support/model.ts';
import { shortBits, shortName } from './support/name.ts';
import {
  addOutputOptions,
  addOverwriteOption,
  addSeedOption,
  addThreadsOption,
  choiceOption,
} from './support/options.ts';
import { printResult } from './support/output.ts';
import { isPlain, isVerified, type QuantizeCommandOptions } from './support/quantize-options.ts';
import { addSolverOptions, checkSolver, objectiveFor } from './support/solver.ts';
import { addCalibrationOptions, addEvaluationOptions, checkTexts } from './support/texts.ts';
import { withProgress } from './support/work.ts';

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
    .option('--dry-run', 'tell what the job takes and what the budget buys, and do nothing');
  addWorkDirOption(command);
  addThreadsOption(addOverwriteOption(addSeedOption(command)));
  addExamples(command, [
    ['quantize model/ --target-size 60M', 'the best file of at most 60 000 000 bytes'],
    ['quantize hf:user/repo --target-bpw 4.5 --peers', 'compared with what llama-quantize makes'],
    ['quantize model/ --target-size 1.8G --peer have.gguf', 'is it better than the file that I have?'],
    ['quantize model/ --target-bpw 4.5 --dry-run', 'how long it takes and what it gives, before anything is done'],
    ['quantize model/ --type Q4_K', 'one type everywhere'],
  ]);
  addOutputOptions(command).action(quantize);
}

async function quantize(modelName: string, options: QuantizeCommandOptions): Promise<void> {
  const target = await readTarget(options);
  const palette = options.palette && (await knownTypes(options.palette, '--palette'));
  if (!options.verify && (options.peers || options.peer))
    throw new UsageError('--peers and --peer are measured where the result is: leave --no-verify out');
  if (isPlain(options) && options.peers)
    throw new UsageError('--peers: llama-quantize rounds by an importance matrix, made from text; give --calibration');
  if (options.output !== undefined) await checkOutputs(outputsOf(options.output, options), options.yes);
  const { model, path, folder } = await openKept(modelName, options, options.output);
  checkContext(model, options.context);
  const output = options.output ?? (await defaultOutput(modelName, model, options, target));
  const outputs = outputsOf(output, options);
  await checkOutputs(outputs, options.yes);
  await refuseSource(outputs, path);
  await checkTexts(model, usedTexts(options, target));
  const { nodeHost } = await import('../pipeline/host/node.ts');
  const { jobOptions } = await import('../pipeline/job.ts');
  const job = await jobOptions(nodeHost, model, { ...jobOf(options, target), output, palette, folder });
  if (options.dryRun) return await printDryRun(model, job, options);
  await makeFolders(outputs);
  const peers = { measure: options.peers ?? false, models: await openPeers(options) };
  const { quantizeModel } = await import('../pipeline/quantize.ts');
  const { saveRun } = await import('../pipeline/run-record.ts');
  const result = await withProgress(options, ({ expect, ...work }) => {
    const onForecast = (forecast: Forecast) => {
      if (!options.quiet) console.error(`bitbudget: ${describeForecast(forecast)}`);
      expect(outlineOf(forecast));
    };
    return quantizeModel(nodeHost, model, { ...work, ...job, peers, onForecast });
  });
  const record = await saveRun(nodeHost, {
    model,
    name: shortName(modelName),
    output,
    result,
    facts: job.facts,
    command: commandLine(),
  });
  const written = await writeBeside(record, output, options);
  const { windowLostInLlamaCpp } = await import('../model/architecture.ts');
  const { sitesOf } = await import('../model/sites.ts');
  const closing = { ...written, sites: sitesOf(model), lostWindow: windowLostInLlamaCpp(model.config) };
  printResult(options, { ...record, ...written }, () => summary(record, model, options, result, closing));
}

/** The job as the options say it. */
function jobOf(options: QuantizeCommandOptions, target: Target): Omit<Job, 'output'> {
  const { calibration, calibrationTokens, evaluation, evaluationTokens } = options;
  const { rounding, kvUniform, activations, solver, evaluations, mostFormats, fuse, context, seed, threads } = options;
  return {
    target,
    ...{ rounding, kvUniform, activations, solver, evaluations, mostFormats, fuse, context, seed, threads },
    calibration: isPlain(options) ? false : { files: calibration, tokens: calibrationTokens },
    evaluation: { files: evaluation, tokens: evaluationTokens },
    verify: isVerified(options),
    objective: objectiveFor(options),
  };
}

/** Texts that are used, as far as they can be other than they should: plans may need none, and the package's own are long enough. */
function usedTexts(options: QuantizeCommandOptions, target: Target): Parameters<typeof checkTexts>[1] {
  const isGiven = target.kind === 'budgets' || options.calibration !== undefined || options.evaluation !== undefined;
  return {
    ...options,
    calibrationTokens: isGiven && !isPlain(options) ? options.calibrationTokens : undefined,
    evaluationTokens: isGiven && isVerified(options) ? options.evaluationTokens : undefined,
  };
}

/** All files that are written. */
function outputsOf(output: string, { report, modelCard }: QuantizeCommandOptions): string[] {
  return [
    output,
    recordPath(output),
    ...(report ? [reportPath(output)] : []),
    ...(modelCard === undefined ? [] : [modelCard]),
  ];
}

function reportPath(output: string): string {
  return `${output.replace(/\.gguf$/, '')}.report.html`;
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
): Promise<WrittenBeside> {
  const { writeWhole } = await import('../container/node.ts');
  const page = report ? reportPath(output) : undefined;
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
