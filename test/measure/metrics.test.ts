import assert from 'node:assert/strict';
import { test } from 'node:test';
import { Random } from '../../src/core/random.ts';
import { createReferenceKernels } from '../../src/kernels/reference/index.ts';
import { measureModel } from '../../src/measure/measure.ts';
import { largestEigenvalue } from '../../src/measure/metrics/hawq-eigenvalue.ts';
import { ompq } from '../../src/measure/metrics/ompq.ts';
import { type CandidateSource, type ScoreTask, scoreCandidates } from '../../src/measure/metrics/score.ts';
import { metrics, metricsNamed } from '../../src/measure/metrics/table.ts';
import type { Score } from '../../src/measure/metrics/types.ts';
import { sketchStride } from '../../src/measure/sketch.ts';
import { memoryStore } from '../../src/measure/store.ts';
import type { ModelTensor } from '../../src/model/types.ts';
import { hiddenStates } from '../../src/run/forward.ts';
import { WorkerDevice } from '../support/worker-device.ts';
import { modelOf, perturbationOf, randomTensors, smallConfig } from './support.ts';

const kernels = createReferenceKernels();
const SEED = 5;
const FORMATS = ['Q4_0', 'Q8_0'];

/** A random model whose candidates are a rounding error of every fourth row, and twice that error. */
async function setUp(tied = false) {
  const config = { ...smallConfig, tied, layers: 1 };
  const random = new Random(3);
  const values = randomTensors(config, random);
  const model = modelOf(config, values);
  const ids = Int32Array.from({ length: 4 * 6 }, () => random.integer(config.vocabulary));
  const tokens = { sequences: 4, length: 6, ids };
  const measurement = await measureModel(kernels, model, tokens, { store: memoryStore(), seed: SEED });
  const tensors = [...model.tensors.values()].filter(({ shape }) => shape.length === 2);
  const candidates: CandidateSource = {
    tensors,
    formats: () => FORMATS,
    delta: async (tensor, name) => error(tensor, values.get(tensor.name)!.values, name === 'Q4_0' ? 2 : 1),
  };
  const memory = new Map<string, Score[]>();
  const task: ScoreTask = {
    kernels,
    model,
    candidates,
    measurement,
    tokens,
    evaluated: tokens,
    ownText: async () => tokens,
    seed: SEED,
    memory: { get: async (key) => memory.get(key), put: async (key, value) => void memory.set(key, value) },
  };
  return { config, values, model, tokens, measurement, tensors, task, memory };
}

/** The sketch's reference perturbation as a full matrix, times `scale`. */
function error(tensor: ModelTensor, matrix: Float32Array, scale: number): Float32Array {
  const columns = tensor.shape[1];
  const stride = tensor.role === 'token_embd' ? 1 : sketchStride(tensor.shape[0]);
  return perturbationOf(matrix, columns, stride).map((value) => scale * value);
}

async function scored(name: string, task: ScoreTask) {
  const [table] = (await scoreCandidates(metricsNamed([name]), task)).values();
  return table;
}

function assertClose(found: number, expected: number, tolerance: number, what: string): void {
  assert.ok(Math.abs(found - expected) <= tolerance * Math.abs(expected), `${what}: ${found}, expected ${expected}`);
}

test('every metric scores every candidate with a finite number, and the larger error not lower', async () => {
  const { task, tensors } = await setUp();
  const all = await scoreCandidates(metrics, task);
  let checked = 0;
  for (const [metric, table] of all)
    for (const { name } of tensors) {
      const [large, small] = table.get(name)!.map(({ value }) => value);
      assert.ok(Number.isFinite(large) && small >= 0 && large >= small, `${metric.name} ${name}: ${large}, ${small}`);
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
      assertClose(large.value, power * small.value, 1e-3, `${name} ${tensor.name}`);
    }
  }
});

test('weight metrics equal their sums written out', async () => {
  const { task, tensors, values, measurement } = await setUp();
  const tables = await Promise.all(
    ['weight-mse', 'sqnr', 'imatrix', 'variance-gain'].map((name) => scored(name, task)),
  );
  for (const tensor of tensors) {
    const columns = tensor.shape[1];
    const weight = values.get(tensor.name)!.values;
    const delta = await task.candidates.delta(tensor, 'Q8_0');
    const { importance } = await measurement.read(tensor.name);
    const fed = {
      attn_q: 'attn_norm',
      attn_k: 'attn_norm',
      attn_v: 'attn_norm',
      ffn_gate: 'ffn_norm',
      ffn_up: 'ffn_norm',
    };
    const norm = fed[tensor.role as keyof typeof fed];
    const gains = norm ? values.get(`blk.0.${norm}.weight`)!.values : undefined;
    const gain = tensor.role === 'output' ? values.get('output_norm.weight')!.values : gains;
    let [square, signal, weighted, gained] = [0, 0, 0, 0];
    delta.forEach((value, i) => {
      square += value ** 2;
      signal += weight[i] ** 2;
      weighted += importance[i % columns] * value ** 2;
      gained += (gain?.[i % columns] ?? 1) ** 2 * value ** 2;
    });
    const expected = [square, square / signal, weighted, gained];
    tables.forEach((table, i) => {
      assertClose(table.get(tensor.name)![1].value, expected[i], 1e-5, `${tensor.name}, sum ${i}`);
    });
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

test('first-order scores equal finite differences of the text’s loss, weight by weight, to 2 %', async () => {
  const { task, model, values, config, tokens } = await setUp();
  const name = 'blk.0.attn_k.weight';
  const matrix = values.get(name)!.values;
  const delta = await task.candidates.delta(model.tensors.get(name)!, 'Q8_0');
  const losses = async (): Promise<number[]> => {
    const logP = await logProbabilities({ config, values, model }, tokens);
    return Array.from({ length: tokens.sequences }, (_, s) => {
      let sum = 0;
      for (let t = s * tokens.length; t < (s + 1) * tokens.length - 1; t++)
        sum -= logP[t * config.vocabulary + tokens.ids[t + 1]];
      return sum;
    });
  };
  let expected = 0;
  for (let i = 0; i < matrix.length; i++) {
    if (delta[i] === 0) continue;
    const kept = matrix[i];
    matrix[i] = kept + 0.01;
    const up = await losses();
    matrix[i] = kept - 0.01;
    const down = await losses();
    matrix[i] = kept;
    up.forEach((loss, s) => {
      expected += Math.abs(((loss - down[s]) / 0.02) * delta[i]) / tokens.ids.length;
    });
  }
  assertClose((await scored('first-order', task)).get(name)![1].value, expected, 0.02, name);
});

async function logProbabilities(
  { config, values, model }: Pick<Awaited<ReturnType<typeof setUp>>, 'config' | 'values' | 'model'>,
  { ids, length }: { ids: Int32Array; length: number },
): Promise<Float32Array> {
  const states = await hiddenStates(kernels.device, model, { ids, sequences: ids.length / length, length });
  const head = values.get(config.tied ? 'token_embd.weight' : 'output.weight')!.values;
  const logits = new Float32Array(ids.length * config.vocabulary);
  kernels.matmulNT(states, head, logits, ids.length, config.vocabulary, config.hidden);
  kernels.logSoftmax(logits, config.vocabulary);
  return logits;
}

for (const tied of [false, true])
  test(`measured KL equals that of the whole model run anew, to 0.1 %${tied ? ', with tied embeddings' : ''}`, async () => {
    const setup = await setUp(tied);
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

test('the trace is the sum of the prices of all unit errors, and Hutchinson’s estimates lie within 5 of their errors', async () => {
  const { task, tensors, measurement } = await setUp();
  const tables = await Promise.all(
    ['hawq-trace', 'hawq-hutchinson', 'hawq-hutchinson-orthogonal'].map((name) => scored(name, task)),
  );
  for (const tensor of tensors.filter(({ role }) => role === 'attn_k')) {
    const { pricing } = await measurement.read(tensor.name);
    const [rows, columns] = tensor.shape;
    let trace = 0;
    for (const { a, b } of pricing)
      for (let i = 0; i < rows; i++) for (let j = 0; j < columns; j++) trace += 0.5 * b[i] * a[j * columns + j];
    const delta = await task.candidates.delta(tensor, 'Q8_0');
    const squares = delta.reduce((sum, value) => sum + value * value, 0);
    const [exact, random, orthogonal] = tables.map((table) => table.get(tensor.name)![1]);
    assertClose(exact.value, (trace * squares) / (rows * columns), 1e-4, tensor.name);
    const spread = 5 * Math.hypot(random.standardError!, orthogonal.standardError!);
    assert.ok(Math.abs(random.value - orthogonal.value) < spread, `${random.value}, ${orthogonal.value} ± ${spread}`);
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

test('names are unique; what is unknown or not for dense models is one clear line', () => {
  assert.equal(new Set(metrics.map(({ name }) => name)).size, metrics.length);
  assert.equal(metricsNamed(['kl'])[0].name, 'kl-kronecker');
  assert.throws(() => metricsNamed(['nonsense']), /metric nonsense is not known; expected some of kl, weight-mse/);
  assert.throws(() => metricsNamed(['mc-moe']), /not applicable to dense models/);
});
