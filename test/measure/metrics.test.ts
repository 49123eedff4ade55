import assert from 'node:assert/strict';
import { test } from 'node:test';
import { largestEigenvalue } from '../../src/measure/metrics/hawq-eigenvalue.ts';
import { ompq } from '../../src/measure/metrics/ompq.ts';
import { scoreCandidates } from '../../src/measure/metrics/score.ts';
import { metrics, metricsNamed } from '../../src/measure/metrics/table.ts';
import type { Score } from '../../src/measure/metrics/types.ts';
import { sketchStride } from '../../src/measure/sketch.ts';
import { hiddenStates } from '../../src/run/forward.ts';
import { WorkerDevice } from '../support/worker-device.ts';
import { type ErrorOf, kernels, scored, scoringSetUp } from './scoring.ts';
import { perturbationOf } from './support.ts';

/** The sketch's reference perturbation as a full matrix, times `scale`. */
const error: ErrorOf = (tensor, matrix, scale) => {
  const columns = tensor.shape[1];
  const stride = tensor.role === 'token_embd' ? 1 : sketchStride(tensor.shape[0]);
  return perturbationOf(matrix, columns, stride).map((value) => scale * value);
};

const setUp = (tied = false) => scoringSetUp(error, tied);

function assertClose(found: number, expected: number, tolerance: number, what: string): void {
  assert.ok(Math.abs(found - expected) <= tolerance * Math.abs(expected), `${what}: ${found}, expected ${expected}`);
}

test('every metric scores every candidate above zero, and the larger error higher', async () => {
  const { task, tensors } = await setUp();
  const all = await scoreCandidates(metrics, task);
  let checked = 0;
  for (const [metric, table] of all)
    for (const { name } of tensors) {
      const [large, small] = table.get(name)!.map(({ value }) => value);
      assert.ok(Number.isFinite(large) && small > 0 && large > small, `${metric.name} ${name}: ${large}, ${small}`);
      checked++;
    }
  assert.equal(checked, metrics.length * (7 + 2));
});

test('every metric gives the same numbers on a device in a worker', async (context) => {
  const device = new WorkerDevice({ kernels: 'reference', seed: 2 });
  context.after(() => device.close());
  const [near, far] = [await setUp(true), await setUp(true)];
  const expected = await scoreCandidates(metrics, near.task);
  const found = await scoreCandidates(metrics, { ...far.task, kernels: { ...kernels, device } });
  assert.deepEqual([...found.values()], [...expected.values()]);
  assert.equal(found.size, metrics.length);
  assert.ok(device.reads > 100, `${device.reads} reads`);
  assert.equal(device.memory().used, 0, 'everything was given back');
});

test('scores grow with the error as their equations say: quadratic ones fourfold, first-order ones twofold', async () => {
  const { task, tensors } = await setUp();
  const quadratic = [
    'weight-mse',
    'sqnr',
    'variance-gain',
    'imatrix',
    'hawq-eigenvalue',
    'hawq-trace',
    'hawq-hutchinson',
    'hawq-hutchinson-orthogonal',
    'hawq-activations',
    'kl-kronecker',
    'kl-additive',
    'kl-rows',
    'output-fisher',
    'output-error',
    'mixdq',
  ];
  const powers = [...quadratic.map((name) => [name, 4] as const), ['first-order', 2] as const];
  for (const [name, power] of powers) {
    const table = await scored(name, task);
    for (const tensor of tensors) {
      const [large, small] = table.get(tensor.name)!;
      assert.ok(small.value > 0, `${name} ${tensor.name}`);
      assertClose(large.value, power * small.value, 1e-3, `${name} ${tensor.name}`);
    }
  }
});

test('the KL forms of the reference perturbation equal what the sketch of a measurement says, to 0.1 %', async () => {
  const { task, measurement, tokens } = await setUp();
  const names = { 'kl-additive': 'squares', 'kl-rows': 'rowProducts', 'output-fisher': 'tokenProducts' } as const;
  let compared = 0;
  for (const [name, products] of Object.entries(names) as [keyof typeof names, (typeof names)['kl-rows']][]) {
    const table = await scored(name, task);
    for (const { tensor, use, sketch } of measurement.summaries) {
      // The head's row products leave products of rows out; the metrics know them exactly.
      const kept = tensor === 'output.weight' ? 'squares' : products;
      if (use === 'lookup' && name !== 'kl-additive') continue;
      const expected = sketch[kept].reduce((sum, value) => sum + value, 0) / (2 * tokens.ids.length);
      assertClose(table.get(tensor)![1].value, expected, 1e-3, `${name} ${tensor}`);
      compared++;
    }
  }
  assert.equal(compared, 3 * 9 - 2);
});

test('the interactions of all matrices together are those of their summed inner products', async () => {
  const { task, tensors, measurement, tokens } = await setUp();
  const [interactions] = metricsNamed(['kl-interactions']);
  const table = await scored('kl-interactions', task);
  const chosen = tensors.map(({ name }) => table.get(name)![1]);
  const singles = chosen.reduce((sum, { value }) => sum + value, 0);
  let pairs = 0;
  for (let s = 0; s < tokens.sequences; s++) {
    const inner = measurement.summaries.map(({ sketch }) => sketch.innerProducts[s]);
    for (let m = 0; m < inner.length; m++)
      for (let n = 0; n < m; n++) pairs += (2 * inner[m] * inner[n]) / (2 * tokens.ids.length);
  }
  assertClose(interactions.combine!(chosen), singles + pairs, 1e-3, 'plan');
});

async function logProbabilities(
  { config, values, model }: Awaited<ReturnType<typeof setUp>>,
  { ids, length }: { ids: Int32Array; length: number },
): Promise<Float32Array> {
  const states = await hiddenStates(kernels.device, model, { ids, sequences: ids.length / length, length });
  const head = values.get(config.tied ? 'token_embd.weight' : 'output.weight')!.values;
  const logits = new Float32Array(ids.length * config.vocabulary);
  kernels.matmulNT(states, head, logits, ids.length, config.vocabulary, config.hidden);
  kernels.logSoftmax(logits, config.vocabulary);
  return logits;
}

test('measured KL of a tied embedding is that of both its uses, run anew, to 0.1 %', async () => {
  const setup = await setUp(true);
  const { task, tensors, values, tokens } = setup;
  const reference = await logProbabilities(setup, tokens);
  const table = await scored('measured-kl', task);
  for (const tensor of tensors) {
    const matrix = values.get(tensor.name)!.values;
    const kept = matrix.slice();
    const delta = await task.candidates.delta(tensor, 'Q4_0');
    for (let i = 0; i < matrix.length; i++) matrix[i] -= delta[i];
    const changed = await logProbabilities(setup, tokens);
    matrix.set(kept);
    const kl = reference.reduce((sum, logP, i) => sum + Math.exp(logP) * (logP - changed[i]), 0) / tokens.ids.length;
    assertClose(table.get(tensor.name)![0].value, kl, 1e-3, tensor.name);
  }
});

test('the largest eigenvalue of 2·I + 3·u·uᵀ is 5 to 1e-4', () => {
  const u = [0.6, 0, 0.8];
  const a = Float32Array.from({ length: 9 }, (_, at) => {
    const [i, j] = [Math.floor(at / 3), at % 3];
    return 3 * u[i] * u[j] + (i === j ? 2 : 0);
  });
  assertClose(largestEigenvalue(kernels, a), 5, 1e-4, 'λ');
});

test('orthogonality: of three layers, two alike, the odd one out keeps the most weight', () => {
  const alike = [1, 0, 0, 0];
  const odd = [0, 0, 0, 1];
  const table = new Map(
    [alike, alike, odd].map((vector, i) => [
      `layer ${i}`,
      [
        { value: 8, vector },
        { value: 4, vector: [] },
      ],
    ]),
  );
  const finished = [...ompq.finish!(table, []).values()].map((scores) => scores.map(({ value }) => value));
  assertClose(finished[2][0], 8, 1e-12, 'odd');
  for (const [coarse, fine] of finished.slice(0, 2)) {
    assertClose(coarse, 8 * Math.exp(-0.5), 1e-12, 'alike');
    assertClose(fine, coarse / 2, 1e-12, 'fewer bits saved');
  }
});

test('interrupted scoring goes on where it stopped and gives the same scores', async () => {
  const names = ['weight-mse', 'kl-kronecker', 'kl-rows', 'block-reconstruction'];
  const whole = await setUp();
  const expected = [...(await scoreCandidates(metricsNamed(names), whole.task)).values()];
  const total = whole.memory.size;
  let interrupted = 0;
  for (const stop of [1, 10, 20, 30]) {
    const { task, memory } = await setUp();
    const abort = new AbortController();
    const put = async (key: string, value: Score[]): Promise<void> => {
      memory.set(key, value);
      if (memory.size === stop) abort.abort(new Error('stopped'));
    };
    const failing = { ...task, signal: abort.signal, memory: { ...task.memory, put } };
    await assert.rejects(scoreCandidates(metricsNamed(names), failing), { message: 'stopped' });
    const before = memory.size;
    let added = 0;
    const counting = {
      ...task.memory,
      put: async (key: string, value: Score[]): Promise<void> => {
        memory.set(key, value);
        added++;
      },
    };
    const found = [...(await scoreCandidates(metricsNamed(names), { ...task, memory: counting })).values()];
    assert.deepEqual(found, expected);
    assert.equal(before + added, total);
    interrupted++;
  }
  assert.equal(interrupted, 4);
});

test('names are unique; what is unknown is one clear line', () => {
  assert.equal(new Set(metrics.map(({ name }) => name)).size, metrics.length);
  assert.equal(metricsNamed(['kl'])[0].name, 'kl-kronecker');
  assert.throws(() => metricsNamed(['nonsense']), /metric nonsense is not known; expected some of kl, weight-mse/);
});
