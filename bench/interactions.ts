/**
 * Do matrices interact, and does the sketch foresee it? Units (every block of the model, its embedding, its head) are
 * rounded together in balanced blocks: every pair of units equally often (src/measure/designs.ts). True KL of each block
 * less that of its units alone is their interaction, beside the one that inner products per sequence predict.
 *
 *     node bench/interactions.ts [MODEL] [--formats=2,4] [--calibration=FILE] [--calibration-tokens=16384]
 *                                [--tokens=2048] [--work=DIR] [--quick]
 */

import { join } from 'node:path';
import { parseArgs } from 'node:util';
import { evaluateModels, referenceStates } from '../src/evaluate/evaluate.ts';
import { balancedBlocks } from '../src/measure/designs.ts';
import { spearman } from '../src/measure/metrics/rank.ts';
import { metricsNamed } from '../src/measure/metrics/table.ts';
import type { ModelTensor } from '../src/model/types.ts';
import { nodeHost } from '../src/pipeline/host/node.ts';
import { evaluationTokens, sequenceLength } from '../src/pipeline/texts.ts';
import { coarsePalette } from '../src/pipeline/truth/candidates.ts';
import { scoreBench } from '../src/pipeline/truth/rank.ts';
import { machine } from './support/machine.ts';
import { openTruthBench } from './support/truth-bench.ts';

const { values: options, positionals } = parseArgs({
  allowPositionals: true,
  options: {
    formats: { type: 'string', default: '1,2' },
    calibration: { type: 'string' },
    'calibration-tokens': { type: 'string', default: '16384' },
    tokens: { type: 'string', default: '2048' },
    work: { type: 'string', default: join('out', 'bench-truth') },
    quick: { type: 'boolean', default: false },
  },
});
const SEED = 0;
const BLOCK = 5;
const { model, session, text, bench } = await openTruthBench(positionals[0], options, SEED);
const [metric] = metricsNamed(['kl-interactions']);
const scores = (await scoreBench(bench, [metric], text)).get(metric)!;
const length = sequenceLength(model);
const tokens = await evaluationTokens(nodeHost, model, { tokens: options.quick ? 512 : Number(options.tokens) });
const states = await referenceStates(session.kernels, model, tokens, { length, firstScored: 0 });
const unitOf = (tensor: ModelTensor): string => (tensor.layer < 0 ? tensor.name : `block ${tensor.layer}`);
const units = [...Map.groupBy(bench.candidates.tensors, unitOf).values()];
const { blocks, pairs } = balancedBlocks(units.length, BLOCK);
console.log(
  `${machine()}; ${units.length} units in ${blocks.length} blocks of up to ${BLOCK}; ${tokens.length} tokens`,
);

async function trueKl(members: readonly ModelTensor[], option: number): Promise<number> {
  const formats = Object.fromEntries(members.map((tensor) => [tensor.name, coarsePalette(tensor)[option]]));
  const candidate = bench.candidates.model(formats);
  const settings = { length, firstScored: 0, referenceStates: states };
  return (await evaluateModels(session.kernels, model, candidate, tokens, settings)).kl.mean;
}

/** Inner products of pairs of different units: the whole block's quadratic form less its units'. */
function predicted(chosen: readonly (readonly ModelTensor[])[], option: number): number {
  const combined = (members: readonly ModelTensor[]): number =>
    metric.combine!(members.map((tensor) => scores.get(tensor.name)![option]));
  return combined(chosen.flat()) - chosen.reduce((sum, members) => sum + combined(members), 0);
}

for (const option of options.formats.split(',').map(Number)) {
  const singles: number[] = [];
  for (const members of units) singles.push(await trueKl(members, option));
  const found: [number, number][] = [];
  let together = 0;
  for (const block of options.quick ? blocks.slice(0, 4) : blocks) {
    const whole = await trueKl(
      block.flatMap((unit) => units[unit]),
      option,
    );
    together += whole;
    const alone = block.reduce((sum, unit) => sum + singles[unit], 0);
    found.push([
      predicted(
        block.map((unit) => units[unit]),
        option,
      ),
      whole - alone,
    ]);
  }
  const total = (side: 0 | 1): number => found.reduce((sum, pair) => sum + pair[side], 0);
  const share = (value: number): string => `${((100 * value) / together).toFixed(1)} %`;
  const squares = found.reduce((sum, [p, q]) => sum + (p - q) ** 2, 0);
  const alone = found.reduce((sum, [, q]) => sum + q * q, 0);
  console.log(
    `${coarsePalette(units[0][0])[option]}: interactions are ${share(total(1))} of the blocks’ KL, predicted ${share(total(0))}; ` +
      `over blocks rank correlation ${spearman(found).toFixed(2)}, squared error ${(squares / alone).toFixed(2)} of ignoring them; ` +
      `sum over all pairs of units ${(total(1) / pairs).toFixed(6)} nats`,
  );
}
await bench.close();
await session.close();
