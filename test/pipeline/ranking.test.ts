import assert from 'node:assert/strict';
import { test } from 'node:test';
import type { BitPlan } from '../../src/allocate/types.ts';
import { metricsNamed } from '../../src/measure/metrics/table.ts';
import { openModel } from '../../src/model/open.node.ts';
import { nodeHost } from '../../src/pipeline/host/node.ts';
import { Planner } from '../../src/pipeline/plan/planner.ts';
import type { Ranking } from '../../src/pipeline/plan/ranking.ts';
import { type SolveOptions, solveFor } from '../../src/pipeline/solve.ts';
import type { SensitivityTable } from '../../src/quantize/sensitivity.ts';
import { matrices } from '../../src/quantize/sensitivity.ts';
import { syntheticModel } from '../support/synthetic.ts';
import { randomTokens, smallModelFile, temporaryFolder } from './support.ts';

const PALETTE = ['MXFP4', 'Q4_0', 'Q4_1', 'Q5_0', 'Q5_1', 'Q8_0'];

type Choice = Pick<SolveOptions, 'metric' | 'solver' | 'objective' | 'mostFormats'>;

test('every metric’s plan is made for the same bytes, and predicts more KL than the plan of least predicted KL', async (context) => {
  const folder = await temporaryFolder(context);
  const source = await smallModelFile(folder);
  const plan = async (choice: Choice): Promise<BitPlan> => {
    const options = { folder, rounding: 'nearest', palette: PALETTE, threads: 1 } as const;
    const calibration = async () => randomTokens(8, 32, 1);
    const { plans } = await solveFor(
      nodeHost,
      await openModel(source),
      { bitsPerWeight: 6.5 },
      { ...options, calibration, ...choice },
    );
    return plans[0];
  };
  const byKl = await plan({});
  assert.equal(byKl.prediction!.objective, undefined);
  const names = ['weight-mse', 'imatrix', 'hawq-trace', 'ompq', 'output-error', 'first-order', 'kl-interactions'];
  const formats = new Set([JSON.stringify(byKl.sites)]);
  for (const name of names) {
    const { prediction, ...found } = await plan({ metric: metricsNamed([name])[0] });
    formats.add(JSON.stringify(found.sites));
    assert.equal(prediction!.objective!.metric, name);
    assert.equal(prediction!.objective!.objective.kind, name === 'kl-interactions' ? 'quadratic' : 'sum');
    // Pairs whose errors cancel on the text seen can bring their sum below 0.
    assert.ok(prediction!.objective!.value > 0 || name === 'kl-interactions', name);
    assert.ok(prediction!.fileBytes <= byKl.prediction!.fileBytes * 1.01, `${name}: ${prediction!.fileBytes} bytes`);
    assert.ok(prediction!.kl > byKl.prediction!.kl * (1 - 1e-9), `${name}: KL ${prediction!.kl}`);
  }
  assert.ok(formats.size >= 5, `${formats.size} different plans`);
});

/** A planner of made-up losses, matrices unlike each other, and a ranking that finds one of them precious. */
async function madeUp(precious: string) {
  const model = await syntheticModel('LlamaForCausalLM');
  const tensors: SensitivityTable['tensors'] = matrices(model).map(
    ({ name, role, layer, shape: [rows, columns] }, t) => ({
      ...{ tensor: name, role, kind: 'attention' as const, layer, rows, columns, relativeError: 0 },
      prices: ['Q4_0', 'Q5_0', 'Q8_0'].map((format, i) => ({
        format,
        loss: 64 ** (t % 3) * 4 ** -i * rows * columns,
        samplingError: 0,
      })),
    }),
  );
  const table: SensitivityTable = {
    version: 1,
    model: '',
    rounding: 'gptq',
    scale: { value: 1, standardError: 0 },
    tensors,
  };
  const scores = new Map(
    tensors.map(({ tensor, prices }) => [
      tensor,
      new Map(prices.map(({ format }, i) => [format, { value: (tensor === precious ? 1 : 1e-9) * 2 ** -i }])),
    ]),
  );
  const ranking: Ranking = { metric: 'made up', scores, pairs: false };
  return { planner: new Planner({ model, table }), ranking, tensors };
}

test('a ranking decides the formats, predicted KL stays what it is, and the value is the sum of the scores', async () => {
  const precious = 'blk.1.attn_k.weight';
  const { planner, ranking, tensors } = await madeUp(precious);
  const [smallest, , third] = planner.frontier();
  const bytes = third.prediction!.fileBytes;
  assert.equal(smallest.sites[precious], 'Q4_0');
  const plan = await planner.plan({ bytes }, { ranking });
  assert.equal(plan.sites[precious], 'Q8_0');
  const chosen = tensors.map(({ tensor }) => ranking.scores.get(tensor)!.get(plan.sites[tensor])!.value);
  const value = chosen.reduce((sum, score) => sum + score, 0);
  const { objective, kl } = plan.prediction!;
  assert.ok(Math.abs(objective!.value / value - 1) < 1e-12);
  const losses = tensors.map(({ tensor, prices }) => prices.find(({ format }) => format === plan.sites[tensor])!.loss);
  assert.ok(Math.abs(kl / losses.reduce((sum, loss) => sum + loss, 0) - 1) < 1e-12);
});

test('minmax, worst and palette make plans: the largest loss, the sum of the three largest, two formats', async () => {
  const { planner, tensors } = await madeUp('');
  const formatsOf = ({ sites }: BitPlan): number => new Set(Object.values(sites)).size;
  const bytes = planner.frontier().find((plan) => formatsOf(plan) === 3)!.prediction!.fileBytes;
  const lossesOf = ({ sites }: BitPlan): number[] =>
    tensors
      .map(({ tensor, prices }) => prices.find(({ format }) => format === sites[tensor])!.loss)
      .sort((a, b) => b - a);
  const sum = await planner.plan({ bytes });
  const max = await planner.plan({ bytes }, { solver: 'minmax', objective: { kind: 'max' } });
  const worst = await planner.plan({ bytes }, { solver: 'worst', objective: { kind: 'worst', count: 3 } });
  const few = await planner.plan({ bytes }, { solver: 'palette', mostFormats: 2 });
  const three = (plan: BitPlan): number =>
    lossesOf(plan)
      .slice(0, 3)
      .reduce((total, loss) => total + loss, 0);
  assert.ok(lossesOf(max)[0] <= lossesOf(sum)[0] && three(worst) <= three(sum) && three(worst) <= three(max));
  assert.equal(max.prediction!.objective!.value, lossesOf(max)[0]);
  assert.ok(Math.abs(worst.prediction!.objective!.value - three(worst)) <= 1e-9 * three(worst));
  assert.equal(formatsOf(few), 2);
  assert.ok(formatsOf(sum) === 3 && few.prediction!.kl >= sum.prediction!.kl);
  const exact = await planner.plan({ bytes }, { mostFormats: 2 });
  assert.ok(few.prediction!.kl >= exact.prediction!.kl * (1 - 1e-9));
  for (const plan of [max, worst, few]) assert.ok(plan.prediction!.fileBytes <= bytes);
});

test('a solver that does not take the problem is refused before anything is measured', async () => {
  const { planner } = await madeUp('');
  assert.throws(
    () => planner.checkSolver({ bytes: 1e9 }, { solver: 'minmax' }),
    /solver minmax takes the objective max/,
  );
  assert.throws(() => planner.checkSolver({ bytes: 1e9 }, { solver: 'palette' }), /couplings of the kind palette/);
  assert.throws(() => planner.checkSolver({ bytes: 1e9, bops: 1 }, { solver: 'worst' }), /takes one budget/);
  planner.checkSolver({ bytes: 1e9 }, { solver: 'palette', mostFormats: 3 });
});
