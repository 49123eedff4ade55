/**
 * What does a plan by each metric really lose? Plans of equal bytes by every metric of the table, from the same rounded
 * candidates, evaluated whole on held-out text; beside them the plan of least predicted KL, which is ours.
 *
 *     node bench/plan-metrics.ts [MODEL] [--bits=2.5,3.5,4.5] [--palette=Q2_K,…] [--metrics=ompq,…] [--tokens=4096]
 *                                [--calibration=FILE] [--evaluation=FILE] [--calibration-tokens=16384] [--work=DIR]
 */

import { join } from 'node:path';
import { parseArgs } from 'node:util';
import { referenceStates, scoreModels } from '../src/evaluate/evaluate.ts';
import { estimate } from '../src/evaluate/summary.ts';
import { metrics, metricsNamed } from '../src/measure/metrics/table.ts';
import { nodeHost } from '../src/pipeline/host/node.ts';
import { fileNotes } from '../src/pipeline/plan/notes.ts';
import { Planner } from '../src/pipeline/plan/planner.ts';
import { rankingOf } from '../src/pipeline/plan/ranking.ts';
import { budgetsOf } from '../src/pipeline/plan/wishes.ts';
import { heldOutTokens, sequenceLength } from '../src/pipeline/texts.ts';
import { scoreBench } from '../src/pipeline/truth/rank.ts';
import { machine } from './support/machine.ts';
import { openTruthBench, textFiles } from './support/truth-bench.ts';

/** About half a bit apart. */
const PALETTE = 'IQ1_M,IQ2_XXS,IQ2_S,Q2_K,IQ3_XXS,Q3_K,IQ4_XS,Q4_K,Q5_K,Q6_K,Q8_0';
const SEED = 0;

const { values: options, positionals } = parseArgs({
  allowPositionals: true,
  options: {
    bits: { type: 'string', default: '2.5,3.5,4.5' },
    palette: { type: 'string', default: PALETTE },
    metrics: { type: 'string' },
    tokens: { type: 'string', default: '8192' },
    calibration: { type: 'string' },
    evaluation: { type: 'string' },
    'calibration-tokens': { type: 'string', default: '16384' },
    work: { type: 'string', default: join('out', 'bench-plan-metrics') },
    quick: { type: 'boolean', default: false },
  },
});
const widths = (options.quick ? '3.5' : options.bits).split(',').map(Number);
const wanted = options.metrics ? metricsNamed(options.metrics.split(',')) : metrics;
const palette = options.palette.split(',');
const { model, session, text, bench } = await openTruthBench(positionals[0], { ...options, palette }, SEED);
const scores = await scoreBench(bench, wanted, text);
const length = sequenceLength(model);
const tokens = options.quick ? 1024 : Number(options.tokens);
const { judged } = await heldOutTokens(nodeHost, model, { files: textFiles(options.evaluation), tokens });
const settings = {
  length,
  firstScored: 0,
  referenceStates: await referenceStates(session.kernels, model, judged, { length, firstScored: 0 }),
};
const planner = new Planner({ model, table: await bench.prices(), notes: fileNotes({ rounding: 'gptq' }) });
const known = new Map<string, { mean: number; standardError: number }>();
console.log(`${machine()}; ${palette.length} formats, true KL on ${judged.length} tokens, ± its standard error`);

/** True KL of a plan; the same plan is evaluated once. */
async function trueKl(formats: Readonly<Record<string, string>>): Promise<{ mean: number; standardError: number }> {
  const key = JSON.stringify(formats);
  const candidate = bench.candidates.model(formats);
  const found = known.get(key) ?? estimate((await scoreModels(session.kernels, model, candidate, judged, settings)).kl);
  known.set(key, found);
  return found;
}

for (const bitsPerWeight of widths) {
  const budgets = budgetsOf(model, { bitsPerWeight });
  const ours = await trueKl((await planner.plan(budgets)).sites);
  console.log(`\n${bitsPerWeight} bits per weight: ours ${ours.mean.toFixed(5)} ± ${ours.standardError.toFixed(5)}`);
  const rows: [string, number, number][] = [];
  for (const metric of wanted) {
    const names = (tensor: string) => bench.candidates.formats(model.tensors.get(tensor)!);
    const ranking = rankingOf(metric, scores.get(metric)!, names);
    const { mean, standardError } = await trueKl((await planner.plan(budgets, { ranking })).sites);
    rows.push([metric.name, mean, standardError]);
  }
  rows.sort(([, a], [, b]) => a - b);
  for (const [name, mean, error] of rows)
    console.log(
      `${name.padEnd(28)} ${mean.toFixed(5)} ± ${error.toFixed(5)}  ${(mean / ours.mean).toFixed(2)} of ours`,
    );
}
await bench.close();
await session.close();
