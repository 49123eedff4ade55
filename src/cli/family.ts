import { type Command, Option } from 'commander';
import type { Model } from '../model/types.ts';
import type { Family, FamilyMember } from '../pipeline/family/family.node.ts';
import type { FamilyPoint } from '../pipeline/family/family.ts';
import { type RoundingName, roundingNames } from '../quantize/types.ts';
import { addWorkDirOption, type KeptOptions, openKept, workFolder } from './support/kept.ts';
import { MODEL_ARGUMENT } from './support/model.ts';
import { addOutputOptions, addThreadsOption, type OutputOptions, wholeNumber } from './support/options.ts';
import { groupDigits, printResult, table } from './support/output.ts';
import {
  addCalibrationOptions,
  addEvaluationOptions,
  type CalibrationOptions,
  type EvaluationOptions,
} from './support/texts.ts';
import { withProgress } from './support/work.ts';

interface FamilyCommandOptions extends OutputOptions, KeptOptions, CalibrationOptions, EvaluationOptions {
  readonly rounding: RoundingName;
  readonly palette?: readonly string[];
  readonly measured: number;
  readonly seed: number;
  readonly threads: number;
}

export function register(program: Command): void {
  const command = program
    .command('family')
    .description('which model of several, in how many bits, is best at every size')
    .argument('<models...>', `each a ${MODEL_ARGUMENT}`)
    .addOption(
      new Option('--rounding <method>', 'rounding that the prices are for')
        .choices(roundingNames)
        .default(roundingNames[0]),
    )
    .option('--palette <formats...>', 'formats to choose from, default all that GGUF holds')
    .option('--measured <n>', 'plans of each model that are measured too', wholeNumber(0, 40), 3)
    .option('--seed <n>', 'seed of every random draw', wholeNumber(0, 2 ** 32 - 1), 0);
  addCalibrationOptions(command);
  addEvaluationOptions(command);
  addWorkDirOption(command);
  addThreadsOption(command);
  addOutputOptions(command).action(family);
}

async function family(names: readonly string[], options: FamilyCommandOptions): Promise<void> {
  const models: { name: string; model: Model }[] = [];
  for (const name of names) models.push({ name, model: (await openKept(name, options)).model });
  const folder = await workFolder(options);
  const { planFamily } = await import('../pipeline/family/family.node.ts');
  const result = await withProgress(options, (work) =>
    planFamily(models, {
      ...work,
      rounding: options.rounding,
      palette: options.palette,
      measured: options.measured,
      calibration: { files: options.calibration, tokens: options.calibrationTokens },
      evaluation: { files: options.evaluation, tokens: options.evaluationTokens },
      folder,
      seed: options.seed,
      threads: options.threads,
    }),
  );
  printResult(options, result, () => describe(result));
}

function describe({ members, frontier }: Family): string[] {
  const cells = (point: FamilyPoint): string[] => [
    groupDigits(point.fileBytes),
    point.model,
    point.bitsPerWeight.toFixed(2),
    point.quantizationRatio.toFixed(2),
    point.loss.toFixed(4),
    point.lossError.toFixed(4),
  ];
  const head = ['bytes', 'model', 'bits', 'ratio', 'predicted', '±'];
  return [
    'loss in bits per byte of held-out text; ratio: share of weights in formats below 5 bits',
    ...members.map(original),
    '',
    'best at every size',
    ...table(head, frontier.map(cells)),
    '',
    ...checks(members, head, cells),
  ];
}

function original({ model, weights, loss, bytesPerToken }: FamilyMember): string {
  const { mean, standardError } = loss;
  return `${model}: ${groupDigits(weights)} weights, original ${mean.toFixed(4)} ± ${standardError.toFixed(4)}, ${bytesPerToken.toFixed(2)} bytes per token`;
}

function checks(members: readonly FamilyMember[], head: string[], cells: (point: FamilyPoint) => string[]): string[] {
  const rows = members.flatMap(({ measured }) =>
    measured.map((point) => [...cells(point), point.measured.toFixed(4), point.differenceError.toFixed(4)]),
  );
  return rows.length > 0 ? ['measured', ...table([...head, 'measured', '±'], rows)] : [];
}
