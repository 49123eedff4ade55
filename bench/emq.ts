/**
 * Does an evolved proxy carry over? Evolves a formula of basic statistics on the stored truth of one model and judges it
 * on another that it never saw (`EMQ`), beside the statistics alone.
 *
 *     node bench/emq.ts [OTHER_MODEL] [--other-calibration=FILE] [--other-tokens=6144] [--work=DIR] [--quick]
 *
 * Without OTHER_MODEL it evolves on one half of the embedded model's plans and judges on the other: no test of transfer.
 */

import { join } from 'node:path';
import { parseArgs } from 'node:util';
import { Random } from '../src/core/random.ts';
import { evolve, expressionText, fitness, type Judged } from '../src/measure/metrics/emq.ts';
import { metricsNamed } from '../src/measure/metrics/table.ts';
import { openModel } from '../src/model/open.node.ts';
import { nodeHost } from '../src/pipeline/host/node.ts';
import { scoreModel } from '../src/pipeline/truth/rank-model.node.ts';
import { storedTruth } from '../src/pipeline/truth/stored.node.ts';
import { assetPath } from '../src/text/assets.node.ts';
import { machine } from './support/machine.ts';

const { values: options, positionals } = parseArgs({
  allowPositionals: true,
  options: {
    'other-calibration': { type: 'string' },
    'other-tokens': { type: 'string', default: '6144' },
    work: { type: 'string', default: join('out', 'bench-truth') },
    quick: { type: 'boolean', default: false },
  },
});
const STATISTICS = ['weight-mse', 'sqnr', 'variance-gain', 'imatrix', 'hawq-eigenvalue', 'hawq-trace'];
const SEED = 1;
const search = options.quick ? { population: 30, generations: 8 } : { population: 120, generations: 40 };

async function judgedModel(path: string, tokens: number, calibration: string | undefined): Promise<Judged> {
  const model = await openModel(path);
  const truth = await storedTruth(model);
  if (truth === undefined) throw new Error(`${path}: no stored truth; make it with bench/truth.ts`);
  const files = calibration === undefined ? undefined : [calibration];
  const rows = await scoreModel(nodeHost, model, metricsNamed(STATISTICS), {
    folder: options.work,
    seed: 0,
    calibration: { files, tokens },
  });
  const values = new Map(rows.map(({ metric, tensor, format, value }) => [`${metric} ${tensor} ${format}`, value]));
  const statistics = Object.fromEntries(
    STATISTICS.map((name) => [
      name,
      truth.tensors.map((tensor, i) => truth.palettes[i].map((format) => values.get(`${name} ${tensor} ${format}`)!)),
    ]),
  );
  const plans = truth.plans.filter(({ kl }) => kl < 0.5);
  return { statistics, choices: plans.map(({ choice }) => choice), truth: plans.map(({ kl }) => kl) };
}

function half({ statistics, choices, truth }: Judged, rest: number): Judged {
  const kept = <T>(items: readonly T[]): T[] => items.filter((_, i) => i % 2 === rest);
  return { statistics, choices: kept(choices), truth: kept(truth) };
}

console.log(`${machine()}, seed ${SEED}`);
const embedded = await judgedModel(assetPath('tiny'), 16384, undefined);
const [seen, unseen] =
  positionals[0] === undefined
    ? [half(embedded, 0), half(embedded, 1)]
    : [embedded, await judgedModel(positionals[0], Number(options['other-tokens']), options['other-calibration'])];
const found = evolve(seen, new Random(SEED), search);
console.log(`evolved  ${expressionText(found)}`);
const rows = [['evolved', found] as const, ...STATISTICS.map((leaf) => [leaf, { leaf }] as const)];
for (const [name, expression] of rows)
  console.log(
    `${name.padEnd(16)} seen ${fitness(expression, seen).toFixed(4)}  unseen ${fitness(expression, unseen).toFixed(4)}`,
  );
