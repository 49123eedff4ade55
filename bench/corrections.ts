/**
 * How close do predictions come to the truth once a few true evaluations correct them? The eight probes of
 * `plan --probe`, and fewer, on held-out text; judged by the stored truth, whose plans and text they do not share.
 *
 *     node bench/corrections.ts [MODEL] [--tokens=4096] [--skip=0] [--calibration=FILE] [--evaluation=FILE]
 *                               [--calibration-tokens=16384] [--work=DIR]
 *
 * `--skip`: tokens at the beginning of the evaluation text that the truth was made on, where it is no other windows.
 */

import { join } from 'node:path';
import { parseArgs } from 'node:util';
import { referenceStates, scoreModels } from '../src/evaluate/evaluate.ts';
import { estimate } from '../src/evaluate/summary.ts';
import { matrixKinds } from '../src/graph/kinds.ts';
import { metricsNamed } from '../src/measure/metrics/table.ts';
import { nodeHost } from '../src/pipeline/host/node.ts';
import { correctionFactor, learnCorrections, NO_CORRECTION, type Probe } from '../src/pipeline/plan/corrections.ts';
import { evaluationTokens, holdOut, sequenceLength } from '../src/pipeline/texts.ts';
import { coarsePalette } from '../src/pipeline/truth/candidates.ts';
import { MOST_KL, mismatch, scoreBench } from '../src/pipeline/truth/rank.ts';
import { storedTruth } from '../src/pipeline/truth/stored.node.ts';
import { probePlans } from '../src/pipeline/verify/probes.ts';
import { machine } from './support/machine.ts';
import { median } from './support/median.ts';
import { openTruthBench, textFiles } from './support/truth-bench.ts';

const { values: options, positionals } = parseArgs({
  allowPositionals: true,
  options: {
    tokens: { type: 'string', default: '4096' },
    skip: { type: 'string', default: '0' },
    calibration: { type: 'string' },
    evaluation: { type: 'string' },
    'calibration-tokens': { type: 'string', default: '16384' },
    work: { type: 'string', default: join('out', 'bench-truth') },
    quick: { type: 'boolean', default: false },
  },
});
const SEED = 0;
const { model, session, text, bench } = await openTruthBench(positionals[0], options, SEED);
const truth = await storedTruth(model);
if (truth === undefined) throw new Error(`${model.config.name}: no truth is stored; make it by bench/truth.ts`);
const stale = await mismatch(bench, truth);
if (stale !== undefined) throw new Error(`stored truth: ${stale}`);
const [metric] = metricsNamed(['kl']);
const scores = (await scoreBench(bench, [metric], text)).get(metric)!;
const length = sequenceLength(model);
const skip = Number(options.skip);
const heldOut = (
  await evaluationTokens(nodeHost, model, {
    files: textFiles(options.evaluation),
    tokens: skip + 2 * Number(options.tokens),
  })
).subarray(skip);
const { searched: probed } = holdOut(heldOut, length);
const states = await referenceStates(session.kernels, model, probed, { length, firstScored: 0 });
const { tensors } = bench.candidates;
const kinds = matrixKinds(model.graph);
console.log(`${machine()}; probes on ${probed.length} tokens, judged by ${truth.plans.length} plans`);

function matricesOf(formats: Readonly<Record<string, string>>): Probe['matrices'] {
  return tensors.map(({ name }, i) => {
    const loss = scores.get(name)![truth!.palettes[i].indexOf(formats[name])].value;
    return { kind: kinds.get(name)!, format: formats[name], loss };
  });
}

const plans = probePlans(
  tensors.map((tensor) => ({ name: tensor.name, kind: kinds.get(tensor.name)!, formats: coarsePalette(tensor) })),
);
const probes: Probe[] = [];
for (const formats of plans) {
  const settings = { length, firstScored: 0, referenceStates: states };
  const { kl } = await scoreModels(session.kernels, model, bench.candidates.model(formats), probed, settings);
  probes.push({ matrices: matricesOf(formats), kl: estimate(kl) });
}
const judged = truth.plans.filter(({ kl }) => kl < MOST_KL);
const [coarse, fine] = [probes[0], probes[probes.length - 1]];
const sets: [string, Probe[]][] = [
  ['no probe', []],
  ['one, all fine', [fine]],
  ['two, all coarse and all fine', [coarse, fine]],
  ['eight', probes],
];
for (const [name, chosen] of sets) {
  const corrections = chosen.length === 0 ? NO_CORRECTION : learnCorrections(chosen);
  const ratios = judged.map(({ choice, kl }) => {
    const formats = Object.fromEntries(tensors.map((tensor, i) => [tensor.name, truth.palettes[i][choice[i]]]));
    const predicted = matricesOf(formats).reduce(
      (sum, { kind, format, loss }) => sum + loss * correctionFactor(corrections, kind, format),
      0,
    );
    return predicted / kl;
  });
  const share = (centre: number): string =>
    `${((100 * ratios.filter((ratio) => Math.abs(ratio / centre - 1) <= 0.1).length) / ratios.length).toFixed(0)} %`;
  const sorted = ratios.toSorted((a, b) => a - b);
  const [low, high] = [0.05, 0.95].map((at) => sorted[Math.round(at * (sorted.length - 1))].toFixed(2));
  console.log(
    `${name}: predicted ÷ true ${median(ratios).toFixed(3)} (${low} to ${high} hold 90 %), within 10 % ${share(1)}, ` +
      `after one factor ${share(median(ratios))}; told spread ${(100 * corrections.spread).toFixed(1)} %`,
  );
  if (chosen === probes) console.log(JSON.stringify(corrections.kinds));
}
await bench.close();
await session.close();
