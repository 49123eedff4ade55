import assert from 'node:assert/strict';
import { before, type TestContext, test } from 'node:test';
import { networkOutputs } from '../../src/evaluate/network.ts';
import type { Graph, ValueId } from '../../src/graph/types.ts';
import type { Kernels } from '../../src/kernels/contract.ts';
import type { Network } from '../../src/model/types.ts';
import { categorical } from '../../src/objective/categorical.ts';
import { gaussian, spreadOf } from '../../src/objective/gaussian.ts';
import type { Objective } from '../../src/objective/types.ts';
import type { Sequences } from '../../src/run/sequences.ts';
import { testKernels } from '../support/kernels.ts';
import { cnn, encoder } from './build.ts';
import { bestPlan, divergenceOf, planBytes, predictedLoss, priced, uniformPlan, weightError } from './chain.ts';
import { imageRows, images, labels } from './digits.ts';
import { networkOf, randomWeights, train } from './train.ts';

/** Images that networks are trained on, that they are measured on (some of the same), and that judge. */
const TRAINED = 1200;
const MEASURED = 256;

let kernels: Kernels;
let classifier: Network;
let pooled: Network;

before(async () => {
  kernels = await testKernels();
  const options = { labels, epochs: 4, batch: 50, rate: 0.05, seed: 1 };
  const graph = cnn(true);
  const weights = randomWeights(cnn(false), 1);
  await train(kernels, graph, weights, {
    ...options,
    sequences: images(0, TRAINED),
    running: runningStatistics(graph),
  });
  classifier = networkOf(cnn(false), weights, 'cnn');
  const own = randomWeights(encoder(), 2);
  await train(kernels, encoder(), own, { ...options, sequences: imageRows(0, TRAINED), rate: 0.01 });
  pooled = networkOf(encoder(), own, 'encoder');
});

/** What batch norms see while training, by the weight that it becomes. */
function runningStatistics(graph: Graph): Map<ValueId, string> {
  const nodes = graph.nodes.filter(({ op }) => op === 'batchStatistics');
  return new Map(
    nodes.flatMap(({ outputs: [mean, variance] }, i): [ValueId, string][] => [
      [mean, `${'abcd'[i]}.mean`],
      [variance, `${'abcd'[i]}.variance`],
    ]),
  );
}

test('a CNN trained by the graph’s own gradients reads at least 0.93 of digits that it has not seen', async (t) => {
  const { values, width } = await networkOutputs(kernels.device, classifier, images(TRAINED, labels.length));
  const count = labels.length - TRAINED;
  const right = Array.from({ length: count }, (_, i) => {
    const row = values.subarray(i * width, (i + 1) * width);
    return row.indexOf(row.reduce((a, b) => Math.max(a, b), -Infinity)) === labels[TRAINED + i];
  }).filter(Boolean).length;
  t.diagnostic(`${right} of ${count}`);
  assert.ok(right / count >= 0.93);
});

/** Measures, prices, solves and rounds at the bytes of three uniform files, for three seeds. */
async function comparePlans(
  t: TestContext,
  network: Network,
  objective: Objective,
  data: (first: number, last: number) => Sequences,
  most: number,
): Promise<void> {
  const ratios: { uniform: number; byWeight: number }[] = [];
  for (const seed of [1, 2, 3]) {
    const found = await priced(kernels, network, objective, data(200 * seed, 200 * seed + MEASURED), seed);
    const byWeight = await weightError(found, kernels);
    for (const name of ['Q2_K', 'Q3_K', 'Q4_K']) {
      const uniform = uniformPlan(name);
      const bytes = planBytes(network, uniform);
      const plan = await bestPlan(found, bytes, predictedLoss(found));
      const rival = await bestPlan(found, bytes, byWeight);
      assert.ok(planBytes(network, plan) <= bytes && planBytes(network, rival) <= bytes);
      const losses: number[] = [];
      for (const each of [plan, rival, uniform])
        losses.push(await divergenceOf(kernels, found, each, data(TRAINED, labels.length)));
      const [ours, theirs, flat] = losses;
      t.diagnostic(
        `seed ${seed}, bytes of ${name}: plan, by weight error, uniform ${losses.map((v) => v.toExponential(2)).join(', ')}`,
      );
      ratios.push({ uniform: ours / flat, byWeight: ours / theirs });
    }
  }
  assert.equal(ratios.length, 9);
  const mean = (of: (ratio: { uniform: number; byWeight: number }) => number): number =>
    Math.exp(ratios.reduce((sum, ratio) => sum + Math.log(of(ratio)), 0) / ratios.length);
  const [uniform, rival] = [mean((ratio) => ratio.uniform), mean((ratio) => ratio.byWeight)];
  t.diagnostic(`geometric means: ${uniform.toFixed(2)} of uniform, ${rival.toFixed(2)} of a plan by weight error`);
  assert.ok(uniform <= most && rival < 1, `${uniform} of uniform, ${rival} of a plan by weight error`);
}

test('CNN: at the bytes of uniform files plans lose at most 0.6 of them, and less than plans by weight error (geometric means of 9)', (t) =>
  comparePlans(t, classifier, categorical, images, 0.6));

test('encoder with mean pooling: plans lose at most 0.5 of uniform files, by squared error of its vectors', async (t) => {
  const { values } = await networkOutputs(kernels.device, pooled, imageRows(0, MEASURED));
  await comparePlans(t, pooled, gaussian(spreadOf(values)), imageRows, 0.5);
});
