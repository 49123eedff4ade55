/**
 * Does steering by interactions pay? At three sizes the additive plan and the plan of the `quadratic` solver (the same
 * losses and, between matrices, inner products of the sketch) are evaluated on the same held-out windows: their
 * difference, window by window, with its 95 % interval.
 *
 *     node bench/interaction-plans.ts [MODEL] [--tokens=8192] [--calibration=FILE] [--evaluation=FILE]
 *                                     [--calibration-tokens=16384] [--work=DIR] [--quick]
 */

import { join } from 'node:path';
import { parseArgs } from 'node:util';
import { costRange } from '../src/allocate/problem.ts';
import { solve } from '../src/allocate/solve.ts';
import type { Group } from '../src/allocate/types.ts';
import { referenceStates, scoreModels } from '../src/evaluate/evaluate.ts';
import { metricsNamed } from '../src/measure/metrics/table.ts';
import { nodeHost } from '../src/pipeline/host/node.ts';
import { storedBytes } from '../src/pipeline/resources/bytes.ts';
import { heldOutTokens, sequenceLength } from '../src/pipeline/texts.ts';
import { coarsePalette } from '../src/pipeline/truth/candidates.ts';
import { scoreBench } from '../src/pipeline/truth/rank.ts';
import { machine } from './support/machine.ts';
import { openTruthBench, textFiles } from './support/truth-bench.ts';

const { values: options, positionals } = parseArgs({
  allowPositionals: true,
  options: {
    tokens: { type: 'string' },
    calibration: { type: 'string' },
    evaluation: { type: 'string' },
    'calibration-tokens': { type: 'string', default: '16384' },
    work: { type: 'string', default: join('out', 'bench-truth') },
    quick: { type: 'boolean', default: false },
  },
});
const SEED = 0;
/** Between the smallest and the largest size that the candidates reach. */
const SIZES = [0.15, 0.35, 0.6];
/** How much of the pair products the solver is told: few sequences tell them with much noise, which it would exploit. */
const SHARES = [1, 0.1, 0.01];
const { model, session, text, bench } = await openTruthBench(positionals[0], options, SEED);
const [metric] = metricsNamed(['kl-interactions']);
const scores = (await scoreBench(bench, [metric], text)).get(metric)!;
const length = sequenceLength(model);
const tokens = Number(options.tokens ?? (options.quick ? 1024 : 8192));
const { judged } = await heldOutTokens(nodeHost, model, { files: textFiles(options.evaluation), tokens });
const states = await referenceStates(session.kernels, model, judged, { length, firstScored: 0 });
const { tensors } = bench.candidates;
console.log(`${machine()}; ${judged.length} tokens in windows of ${length}; intervals of 95 %`);

/** Pair products times `share`; the metric's pairs count twice (Σ over m ≠ n), the solver's once. */
function groupsWith(share: number): Group[] {
  return tensors.map((tensor) => ({
    id: tensor.name,
    options: coarsePalette(tensor).map((name, i) => {
      const { value, vector } = scores.get(tensor.name)![i];
      return {
        id: name,
        costs: { bytes: storedBytes(name, tensor.shape[0], tensor.shape[1]) },
        loss: value,
        effect: vector!.map((product) => Math.sqrt(2 * share) * product),
      };
    }),
  }));
}

const groups = groupsWith(1);

/** Mean KL of every window. */
async function windowKl(chosen: readonly number[]): Promise<number[]> {
  const formats = Object.fromEntries(groups.map(({ id, options: all }, i) => [id, all[chosen[i]].id]));
  const candidate = bench.candidates.model(formats);
  const settings = { length, firstScored: 0, referenceStates: states };
  const { kl } = await scoreModels(session.kernels, model, candidate, judged, settings);
  const perWindow = length - 1;
  return Array.from({ length: kl.length / perWindow }, (_, w) => mean(kl.subarray(w * perWindow, (w + 1) * perWindow)));
}

function mean(values: ArrayLike<number>): number {
  return Array.from(values).reduce((sum, value) => sum + value, 0) / values.length;
}

/** `aware` less `additive` in percent of the latter, window by window. */
function compared(additive: readonly number[], aware: readonly number[]): string {
  const differences = additive.map((value, w) => aware[w] - value);
  const centre = mean(differences);
  const variance = differences.reduce((sum, value) => sum + (value - centre) ** 2, 0) / (differences.length - 1);
  const reach = 1.96 * Math.sqrt(variance / differences.length);
  const percent = (value: number): string => `${((100 * value) / mean(additive)).toFixed(1)} %`;
  return `${percent(centre)} (${percent(centre - reach)} to ${percent(centre + reach)})`;
}

const { least, most } = costRange(groups, 'bytes');
for (const size of SIZES) {
  const budgets = { bytes: Math.floor(least + size * (most - least)) };
  const additive = await solve({ groups, budgets });
  const kl = await windowKl(additive.choice);
  console.log(`${budgets.bytes} bytes: additive KL ${mean(kl).toFixed(5)}`);
  for (const share of SHARES) {
    const problem = { groups: groupsWith(share), budgets, objective: { kind: 'quadratic' } } as const;
    const aware = await solve(problem, { solver: 'quadratic' });
    const moved = additive.choice.filter((option, i) => option !== aware.choice[i]).length;
    const difference = compared(kl, await windowKl(aware.choice));
    console.log(`  ${share} of the interactions: ${moved} of ${groups.length} matrices differ; KL by ${difference}`);
  }
}
await bench.close();
await session.close();
