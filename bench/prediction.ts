/**
 * Does the prediction put plans in their true order? Random plans of the embedded model (or the one named), each with its
 * predicted KL from one measurement and its true KL on held-out text: rank correlation, and true ÷ predicted.
 *
 *     npm run bench -- prediction [--quick]
 *     node bench/prediction.ts [MODEL] [--plans=40] [--calibration=FILE] [--evaluation=FILE] [--work=DIR] [--quick]
 *
 * Plans of the first half draw every matrix's format from all candidates: their KL differ little, and ranking them is
 * hard. Those of the second half first draw the fewest bits allowed, so that they span the whole range of budgets.
 * `--quick`: 8 plans and fewer tokens. Work in `--work` is kept, so the bench goes on where it stopped.
 */

import { join } from 'node:path';
import { fileURLToPath } from 'node:url';
import { parseArgs } from 'node:util';
import type { BitPlan } from '../src/allocate/types.ts';
import { Random } from '../src/core/random.ts';
import { evaluateModels, referenceStates } from '../src/evaluate/evaluate.ts';
import type { Estimate } from '../src/evaluate/types.ts';
import { spearman } from '../src/measure/metrics/rank.ts';
import type { PricedSite } from '../src/measure/site-prices.ts';
import { openModel } from '../src/model/open.node.ts';
import { bitsPerWeight, format } from '../src/numeric/table.ts';
import { nodeHost } from '../src/pipeline/host/node.ts';
import { pricedWeights } from '../src/pipeline/plan/groups.ts';
import { Session } from '../src/pipeline/session.ts';
import { calibrationTokens, evaluationTokens, sequenceLength } from '../src/pipeline/texts.ts';
import { encodePlan } from '../src/quantize/encode.ts';
import { quantizedModel } from '../src/quantize/quantized.ts';
import { machine } from './support/machine.ts';
import { median } from './support/median.ts';

const { values: options, positionals } = parseArgs({
  allowPositionals: true,
  options: {
    plans: { type: 'string' },
    calibration: { type: 'string' },
    evaluation: { type: 'string' },
    work: { type: 'string', default: join('out', 'bench-prediction') },
    quick: { type: 'boolean', default: false },
  },
});
const SEED = 1;
const plans = Number(options.plans ?? (options.quick ? 8 : 40));
const calibrated = options.quick ? 4096 : 16384;
const evaluated = options.quick ? 1024 : 4096;
const path = positionals[0] ?? fileURLToPath(new URL('../assets/tiny', import.meta.url));

interface Point {
  readonly predicted: number;
  readonly measured: Estimate;
}

function randomPlan(weights: readonly PricedSite[], model: string, random: Random, wide: boolean): [BitPlan, number] {
  const least = wide ? 2 + 6 * random.uniform() : 0;
  const most = wide ? least + 3 : 16;
  let predicted = 0;
  const formats = weights.map(({ site, prices }) => {
    const inRange = prices.filter(({ option }) => {
      const bits = bitsPerWeight(format(option));
      return bits >= least && bits <= most;
    });
    const allowed = inRange.length > 0 ? inRange : prices;
    const { option, loss } = allowed[random.integer(allowed.length)];
    predicted += loss;
    return [site, option];
  });
  return [{ version: 2, model, rounding: 'gptq', sites: Object.fromEntries(formats) }, predicted];
}

function print(name: string, points: readonly Point[]): void {
  const predicted = points.map((point) => point.predicted);
  const measured = points.map((point) => point.measured.mean);
  const ratios = points.map((point) => point.measured.mean / point.predicted).sort((a, b) => a - b);
  console.log(
    `${name}: ${points.length} plans, KL ${Math.min(...measured).toFixed(5)} to ${Math.max(...measured).toFixed(5)}, ` +
      `rank correlation ${spearman(predicted.map((value, i) => [value, measured[i]])).toFixed(4)}, true ÷ predicted ` +
      `${ratios[0].toFixed(2)} to ${ratios[ratios.length - 1].toFixed(2)}, median ${median(ratios).toFixed(2)}`,
  );
}

const model = await openModel(path);
const session = await Session.open(nodeHost, model, { folder: options.work, seed: SEED });
const text = (file: string | undefined) => (file === undefined ? undefined : [file]);
const sequences = await calibrationTokens(
  nodeHost,
  model,
  { files: text(options.calibration), tokens: calibrated },
  SEED,
);
const measurement = await session.measure(sequences);
const workspace = await session.workspace(measurement);
const table = await session.price(measurement, workspace, 'gptq');
const weights = pricedWeights(table);
const tokens = await evaluationTokens(nodeHost, model, { files: text(options.evaluation), tokens: evaluated });
const length = sequenceLength(model);
const states = await referenceStates(session.kernels, model, tokens, { length });
console.log(`${machine()}, seed ${SEED}; ` + `${calibrated} calibration and ${evaluated} evaluation tokens`);
const random = new Random(SEED);
const points: Point[] = [];
for (let i = 0; i < plans; i++) {
  const wide = i >= plans / 2;
  const [plan, predicted] = randomPlan(weights, table.model, random, wide);
  await encodePlan(model, plan, measurement, session.runner, workspace.blocks());
  const candidate = quantizedModel(model, plan, workspace.blocks());
  const { kl } = await evaluateModels(session.kernels, model, candidate, tokens, { length, referenceStates: states });
  points.push({ predicted, measured: kl });
  console.log(
    `${wide ? 'range' : 'any'}\tpredicted ${predicted.toFixed(5)}\tmeasured ${kl.mean.toFixed(5)} ± ${kl.standardError.toFixed(5)}`,
  );
}
const half = Math.ceil(plans / 2);
print('any formats', points.slice(0, half));
print('over all budgets', points.slice(half));
print('together', points);
workspace.close();
await session.close();
