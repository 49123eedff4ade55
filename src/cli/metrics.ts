import type { Command } from 'commander';
import type { Interval } from '../measure/metrics/rank.ts';
import type { Metric } from '../measure/metrics/types.ts';
import type { RankedMetric } from '../pipeline/truth/rank.ts';
import { addExamples } from './support/help.ts';
import { addWorkDirOption, type KeptOptions, openKept } from './support/kept.ts';
import { MODEL_ARGUMENT, requireDecoder } from './support/model.ts';
import {
  addOutputOptions,
  addSeedOption,
  addThreadsOption,
  type OutputOptions,
  wholeNumber,
} from './support/options.ts';
import { printResult, table } from './support/output.ts';
import {
  addCalibrationOptions,
  addEvaluationOptions,
  type CalibrationOptions,
  type EvaluationOptions,
} from './support/texts.ts';
import { withProgress } from './support/work.ts';

interface RankOptions extends OutputOptions, KeptOptions, CalibrationOptions, EvaluationOptions {
  readonly metric?: readonly string[];
  readonly plans?: number;
  readonly seed: number;
  readonly threads: number;
}

/** Plans evaluated for a model that comes without stored truth. */
const PLANS = 48;

export function register(program: Command): void {
  const metrics = program
    .command('metrics')
    .description('what metrics of sensitivity there are, and which tell the truth');
  const list = metrics.command('list').description('every metric with what it needs and costs');
  addExamples(list, [['metrics list', 'what there is and what it costs']]);
  addOutputOptions(list).action(printMetrics);
  const rank = metrics
    .command('rank')
    .description('rank metrics by how well they foretell the true KL of many plans')
    .argument('<model>', MODEL_ARGUMENT)
    .option('--metric <names...>', 'metrics to rank, default all')
    .option(
      '--plans <n>',
      `evaluate this many plans even where the package stores their truth; default ${PLANS} elsewhere`,
      wholeNumber(8, 1000),
    );
  addCalibrationOptions(rank);
  addEvaluationOptions(rank);
  addWorkDirOption(rank);
  addThreadsOption(addSeedOption(rank));
  addExamples(rank, [['metrics rank model/ --metric kl imatrix weight-mse --plans 24', 'three metrics, some minutes']]);
  addOutputOptions(rank).action(rankMetrics);
}

async function printMetrics(options: OutputOptions): Promise<void> {
  const { metrics } = await import('../measure/metrics/table.ts');
  const rows = metrics.map(({ name, needs, nats, source, equation }) => ({ name, needs, nats, source, equation }));
  printResult(options, { metrics: rows }, () =>
    table(
      ['metric', 'needs', 'unit', 'score'],
      rows.map((row) => [row.name, row.needs, row.nats ? 'nats' : '', row.equation]),
    ),
  );
}

async function rankMetrics(modelName: string, options: RankOptions): Promise<void> {
  const { nodeHost } = await import('../pipeline/host/node.ts');
  const { metrics, metricsNamed } = await import('../measure/metrics/table.ts');
  const wanted =
    options.metric === undefined ? metrics : metricsNamed(options.metric.flatMap((name) => name.split(',')));
  const { model, folder } = await openKept(modelName, options);
  requireDecoder(modelName, model);
  if (!options.quiet) console.error(announce(wanted, model.config.layers));
  const { rankModel } = await import('../pipeline/truth/rank-model.node.ts');
  const result = await withProgress(options, (work) =>
    rankModel(nodeHost, model, wanted, {
      ...work,
      folder,
      threads: options.threads,
      seed: options.seed,
      plans: options.plans,
      defaultPlans: PLANS,
      calibration: { files: options.calibration, tokens: options.calibrationTokens },
      evaluation: { files: options.evaluation, tokens: options.evaluationTokens },
    }),
  );
  printResult(options, result, () => [
    `${result.plans} plans on ${result.tokens} held-out tokens, true KL ${result.kl[0].toPrecision(2)} to ${result.kl[1].toPrecision(2)} nats per token`,
    ...table(
      [
        'metric',
        'Spearman',
        'Kendall',
        'predicted ÷ true',
        'within 10 %',
        'after one factor',
        'needs',
        'forward passes',
      ],
      result.ranked.map(rankRow),
    ),
  ]);
  for (const line of result.notes) console.error(`bitbudget: ${line}`);
}

/** Candidates of a matrix that metrics are ranked on, about. */
const CANDIDATES = 6;

/** How long this will take, before it begins: passes of the model over the text, and what takes most of them. */
function announce(metrics: readonly Metric[], layers: number): string {
  const costs = metrics.map(({ name, cost }) => ({ name, passes: cost({ layers, candidates: CANDIDATES }) }));
  const passes = costs.reduce((sum, cost) => sum + cost.passes, 0);
  const dearest = costs.toSorted((a, b) => b.passes - a.passes).slice(0, 3);
  const names = dearest.map(({ name, passes: own }) => `${name} ${own.toFixed(0)}`).join(', ');
  return `bitbudget: ${metrics.length} metrics take about ${passes.toFixed(0)} passes of the model over the text (most: ${names}); choose some with --metric`;
}

function rankRow(row: RankedMetric): string[] {
  const shown = ({ value, low, high }: Interval, digits: number): string =>
    `${value.toFixed(digits)} (${low.toFixed(digits)} to ${high.toFixed(digits)})`;
  const percent = ({ value }: Interval): string => `${(100 * value).toFixed(0)} %`;
  return [
    row.name,
    shown(row.spearman, 4),
    shown(row.kendall, 3),
    row.calibration ? shown(row.calibration, 2) : '–',
    row.within ? percent(row.within) : '–',
    percent(row.withinScaled),
    row.needs,
    row.cost.toFixed(0),
  ];
}
