import type { Command } from 'commander';
import type { Model } from '../model/types.ts';
import type { FamilyPoint } from '../pipeline/family/family.ts';
import type { Family, FamilyMember } from '../pipeline/family/plan-family.ts';
import { checkOutputs, makeFolders } from '../pipeline/preflight/outputs.node.ts';
import { type RoundingName, roundingNames } from '../quantize/types.ts';
import { klWords } from '../report/scale.ts';
import type { FamilyData } from '../report/types.ts';
import { knownTypes } from './support/formats.ts';
import { addExamples, GROUP } from './support/help.ts';
import { PLAN_OUTLINE } from './support/job.ts';
import { addWorkDirOption, type KeptOptions, openKept, workFolder } from './support/kept.ts';
import { MODEL_ARGUMENT, requireDecoder } from './support/model.ts';
import {
  addOutputOptions,
  addOverwriteOption,
  addSeedOption,
  addThreadsOption,
  choiceOption,
  type OutputOptions,
  wholeNumber,
} from './support/options.ts';
import { describeBytes, groupDigits, printResult, table } from './support/output.ts';
import { parseSize } from './support/size.ts';
import {
  addCalibrationOptions,
  addEvaluationOptions,
  type CalibrationOptions,
  type EvaluationOptions,
} from './support/texts.ts';
import { formatKl } from './support/words.ts';
import { withProgress } from './support/work.ts';

interface FamilyCommandOptions extends OutputOptions, KeptOptions, CalibrationOptions, EvaluationOptions {
  readonly rounding: RoundingName;
  readonly palette?: readonly string[];
  readonly measured: number;
  readonly plot?: string;
  readonly yes?: boolean;
  readonly targetSize?: number;
  readonly seed: number;
  readonly threads: number;
}

export function register(program: Command): void {
  const command = program
    .command('family')
    .description('which model of several, in how many bits, is best at every size')
    .argument('<models...>', `each a ${MODEL_ARGUMENT}`)
    .optionsGroup(GROUP.budget)
    .option('--target-size <size>', 'name the best model for a file of at most so many bytes: 60MB', parseSize)
    .optionsGroup(GROUP.search)
    .addOption(
      choiceOption('--rounding <method>', 'rounding that the prices are for', roundingNames).default(roundingNames[0]),
    )
    .option('--palette <types...>', 'types to choose from, default all that GGUF holds')
    .option('--measured <n>', 'plans of each model that are measured too', wholeNumber(0, 40), 3);
  addCalibrationOptions(command);
  addEvaluationOptions(command);
  command.optionsGroup(GROUP.keep).option('--plot <file>', 'one page with all models in one plot, such as family.html');
  addWorkDirOption(command);
  addThreadsOption(addOverwriteOption(addSeedOption(command)));
  addExamples(command, [
    ['family small/ large/ --target-size 1.8G', 'the large one in few bits, or the small one in many?'],
    ['family small/ large/', 'the best of both at every size'],
  ]);
  addOutputOptions(command).action(family);
}

async function family(names: readonly string[], options: FamilyCommandOptions): Promise<void> {
  if (options.plot) await checkOutputs([options.plot], options.yes);
  if (options.plot) await checkOutputs([options.plot], options.yes);
  const palette = options.palette && (await knownTypes(options.palette, '--palette'));
  const models: { name: string; model: Model }[] = [];
  for (const name of names) models.push({ name, model: (await openKept(name, options)).model });
  for (const { name, model } of models) requireDecoder(name, model);
  const folder = await workFolder(options);
  const { nodeHost } = await import('../pipeline/host/node.ts');
  const { planFamily } = await import('../pipeline/family/plan-family.ts');
  const result = await withProgress(
    options,
    (work) =>
      planFamily(nodeHost, models, {
        ...work,
        rounding: options.rounding,
        palette,
        measured: options.measured,
        targetBytes: options.targetSize,
        calibration: { files: options.calibration, tokens: options.calibrationTokens },
        evaluation: { files: options.evaluation, tokens: options.evaluationTokens },
        folder,
        seed: options.seed,
        threads: options.threads,
      }),
    PLAN_OUTLINE,
  );
  if (options.plot) {
    const { writeWhole } = await import('../container/node.ts');
    const { familyHtml } = await import('../report/family.ts');
    await makeFolders([options.plot]);
    await writeWhole(options.plot, familyHtml(plotted(result)));
  }
  printResult(options, result, () => describe(result));
}

function plotted({ members, frontier }: Family): FamilyData {
  return {
    members: members.map(({ model, loss, frontier: points, measured }) => ({
      model,
      loss: loss.mean,
      points: points.map(({ fileBytes: bytes, loss: predicted }) => ({ bytes, loss: predicted })),
      measured: measured.map(({ fileBytes: bytes, measured: found, differenceError: standardError }) => ({
        bytes,
        loss: found,
        standardError,
      })),
    })),
    best: frontier.map(({ model, fileBytes: bytes, bitsPerWeight, loss }) => ({ model, bytes, bitsPerWeight, loss })),
  };
}

function describe({ members, frontier, best }: Family): string[] {
  const cells = (point: FamilyPoint): string[] => [
    groupDigits(point.fileBytes),
    (point.fileBytes / 1e6).toFixed(2),
    point.model,
    point.bitsPerWeight.toFixed(2),
    formatKl(point.kl!),
    point.loss.toFixed(4),
    point.lossError.toFixed(4),
  ];
  const head = ['bytes', 'MB', 'model', 'bits', 'KL', 'loss', '±'];
  return [
    ...(best ? [...bestLines(best), ''] : []),
    'KL is against each model’s own original, in nats per token; models are compared by loss, in bits per byte of held-out text',
    ...members.map(original),
    '',
    'best at every size',
    ...table(head, frontier.map(cells)),
    '',
    ...checks(members, head, cells),
  ];
}

function bestLines({ model, fileBytes, bitsPerWeight, kl, loss }: FamilyPoint): string[] {
  return [
    `${model}: ${describeBytes(fileBytes)}, ${bitsPerWeight.toFixed(3)} bits per weight is the best of these`,
    `predicted  KL ${formatKl(kl!)}: ${klWords(kl!)}; loss ${loss.toFixed(4)} bits per byte`,
    `make it    bitbudget quantize ${model} --target-size ${fileBytes}`,
  ];
}

function original({ model, weights, loss, bytesPerToken }: FamilyMember): string {
  const { mean, standardError } = loss;
  return `${model}: ${groupDigits(weights)} weights, original ${mean.toFixed(4)} ± ${standardError.toFixed(4)}, ${bytesPerToken.toFixed(2)} bytes per token`;
}

function checks(members: readonly FamilyMember[], head: string[], cells: (point: FamilyPoint) => string[]): string[] {
  const rows = members.flatMap(({ measured }) =>
    measured.map((point) => [
      ...cells(point),
      formatKl(point.measuredKl),
      point.measured.toFixed(4),
      point.differenceError.toFixed(4),
    ]),
  );
  return rows.length > 0 ? ['measured', ...table([...head, 'measured KL', 'loss', '±'], rows)] : [];
}
