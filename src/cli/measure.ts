import type { Command } from 'commander';
import { UsageError } from '../core/errors.ts';
import { checkOutputs, makeFolders, refuseSource } from '../pipeline/preflight/outputs.node.ts';
import { expertLines } from './support/experts.ts';
import { addExamples } from './support/help.ts';
import { addWorkDirOption, type KeptOptions, openKept } from './support/kept.ts';
import { MODEL_ARGUMENT } from './support/model.ts';
import {
  addOutputOptions,
  addOverwriteOption,
  addSeedOption,
  addThreadsOption,
  type OutputOptions,
} from './support/options.ts';
import { printResult, table } from './support/output.ts';
import { addCalibrationOptions, type CalibrationOptions, checkTexts } from './support/texts.ts';
import { withProgress } from './support/work.ts';

interface MeasureCommandOptions extends OutputOptions, KeptOptions, CalibrationOptions {
  readonly output?: string;
  readonly metric?: readonly string[];
  readonly seed: number;
  readonly threads: number;
  readonly yes?: boolean;
}

export function register(program: Command): void {
  const command = program
    .command('measure')
    .description('measure what the precision of every matrix is worth; quantize and plan reuse the result')
    .argument('<model>', MODEL_ARGUMENT)
    .option(
      '-o, --output <file>',
      'also export: sensitivities as .parquet, or an importance matrix for llama-quantize as .gguf',
    )
    .option(
      '--metric <names...>',
      'print these metrics of some candidates of every matrix instead: kl,imatrix,… (metrics list)',
    );
  addCalibrationOptions(command);
  addWorkDirOption(command);
  addThreadsOption(addOverwriteOption(addSeedOption(command)));
  addExamples(command, [
    ['measure model/', 'measure now, plan and quantize later'],
    ['measure model/ -o imatrix.gguf', 'an importance matrix for llama-quantize'],
  ]);
  addOutputOptions(command).action(measure);
}

async function measure(modelName: string, options: MeasureCommandOptions): Promise<void> {
  const { output } = options;
  if (options.metric !== undefined) return await printScores(modelName, options, options.metric);
  if (output !== undefined) {
    if (!/\.(parquet|gguf)$/.test(output))
      throw new UsageError(`${output}: expected a name ending in .parquet or .gguf`);
    await checkOutputs([output], options.yes);
  }
  const { model, path, folder } = await openKept(modelName, options, output);
  if (output !== undefined) {
    await refuseSource([output], path);
    await makeFolders([output]);
  }
  await checkTexts(model, options);
  const { nodeHost } = await import('../pipeline/host/node.ts');
  const { Session } = await import('../pipeline/session.ts');
  const { calibrationTokens } = await import('../pipeline/texts.ts');
  const { calibration, relativeError } = await import('../measure/calibrate.ts');
  const { wholeName } = await import('../measure/experts.ts');
  const { expertReach } = await import('../measure/reach.ts');
  await withProgress(options, async (work) => {
    const session = await Session.open(nodeHost, model, {
      ...work,
      folder,
      threads: options.threads,
      seed: options.seed,
    });
    try {
      const choice = { files: options.calibration, tokens: options.calibrationTokens };
      const measurement = await session.measure(await calibrationTokens(nodeHost, model, choice, options.seed));
      if (output?.endsWith('.parquet')) {
        const { measurementToParquet } = await import('../measure/export.ts');
        const { writeWhole } = await import('../container/node.ts');
        await writeWhole(output, new Uint8Array(measurementToParquet(measurement)));
      } else if (output !== undefined) {
        const { writeMeasuredImatrix } = await import('../pipeline/imatrix.ts');
        await writeMeasuredImatrix(nodeHost, measurement, output);
      }
      const { key, summaries } = measurement;
      const scale = calibration(summaries, key.sequenceLength);
      const rows = summaries.map(({ tensor, use, sketch, expert }) => ({
        tensor,
        use,
        loss: scale.value * sketch.kronecker,
        relativeError: relativeError(summaries, wholeName({ tensor, expert })),
        ...(expert && { tokens: expert.tokens }),
      }));
      printResult(options, { key, scale, matrices: rows, experts: expertReach(summaries) }, () => [
        `measured on ${key.sequences} sequences of ${key.sequenceLength} tokens; kept in ${folder}`,
        ...expertLines(measurement),
        ...table(
          ['matrix', 'use', 'KL if rounded coarsely', '± %'],
          rows.map((row) => [row.tensor, row.use, row.loss.toExponential(3), (100 * row.relativeError).toFixed(0)]),
        ),
      ]);
    } finally {
      await session.close();
    }
  });
}

async function printScores(modelName: string, options: MeasureCommandOptions, names: readonly string[]): Promise<void> {
  if (options.output !== undefined)
    throw new UsageError('--metric prints scores; --output exports a measurement: give one');
  const { nodeHost } = await import('../pipeline/host/node.ts');
  const { metricsNamed } = await import('../measure/metrics/table.ts');
  const metrics = metricsNamed(names.flatMap((name) => name.split(',')));
  const { model, folder } = await openKept(modelName, options);
  const { scoreModel } = await import('../pipeline/truth/rank-model.node.ts');
  const rows = await withProgress(options, (work) =>
    scoreModel(nodeHost, model, metrics, {
      ...work,
      folder,
      threads: options.threads,
      seed: options.seed,
      calibration: { files: options.calibration, tokens: options.calibrationTokens },
    }),
  );
  printResult(options, { scores: rows }, () =>
    table(
      ['metric', 'matrix', 'format', 'score', '± %'],
      rows.map(({ metric, tensor, format, value, standardError }) => {
        const error = standardError === undefined || value === 0 ? '–' : ((100 * standardError) / value).toFixed(0);
        return [metric, tensor, format, value.toExponential(3), error];
      }),
    ),
  );
}
