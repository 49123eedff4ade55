import assert from 'node:assert/strict';
import { test } from 'node:test';
import { Random } from '../../src/core/random.ts';
import { createReferenceKernels } from '../../src/kernels/reference/index.ts';
import { measureModel } from '../../src/measure/measure.ts';
import type { TokenBatch } from '../../src/measure/plan.ts';
import { sketchStride } from '../../src/measure/sketch.ts';
import { memoryStore } from '../../src/measure/store.ts';
import type { Measurement } from '../../src/measure/types.ts';
import { categorical } from '../../src/objective/categorical.ts';
import { fileBoundaries } from '../../src/run/boundaries.node.ts';
import { literalLogProbabilities } from './literal.ts';
import { modelOf, perturbationOf, randomTensors, relativeDistance, smallConfig } from './support.ts';

const kernels = createReferenceKernels();
const seed = 5;

function setUp(sequences: number, length: number, tied = false, layers = smallConfig.layers) {
  const config = { ...smallConfig, tied, layers };
  const random = new Random(3);
  const values = randomTensors(config, random);
  const ids = Int32Array.from({ length: sequences * length }, () => random.integer(config.vocabulary));
  const tokens: TokenBatch = { sequences, length, ids };
  return { config, values, tokens, model: modelOf(config, values) };
}
type SetUp = ReturnType<typeof setUp>;

/** log p of every token and vocabulary entry, [tokens, vocabulary], computed without the graph. */
function logProbabilities({ config, values, tokens }: SetUp): Float64Array {
  return literalLogProbabilities(config, values, tokens);
}

function sampledLabels(logP: Float64Array, { tokens, config }: SetUp): Int32Array {
  const uniform = categorical.draws(seed, [...Array(tokens.sequences).keys()], tokens.length, 1);
  return Int32Array.from(uniform, (draw, t) => {
    let label = 0;
    for (let sum = Math.exp(logP[t * config.vocabulary]); sum <= draw; )
      sum += Math.exp(logP[t * config.vocabulary + ++label]);
    return label;
  });
}

/** The δW that a matrix's sketch speaks of, as a full matrix. */
function sketchedPerturbation(matrix: Float32Array, columns: number): Float32Array {
  return perturbationOf(matrix, columns, sketchStride(matrix.length / columns));
}

/** Σ_t log p(label) per sequence. */
function scores(logP: Float64Array, labels: Int32Array, { tokens, config }: SetUp): Float64Array {
  const result = new Float64Array(tokens.sequences);
  labels.forEach((label, t) => {
    result[Math.floor(t / tokens.length)] += logP[t * config.vocabulary + label];
  });
  return result;
}

/** Runs `work` with W + ε·δ in place of W. */
function perturbed<T>(matrix: Float32Array, delta: Float32Array, epsilon: number, work: () => T): T {
  const original = matrix.slice();
  for (let i = 0; i < matrix.length; i++) matrix[i] += epsilon * delta[i];
  const result = work();
  matrix.set(original);
  return result;
}

test('inner products of every matrix equal central differences of the sampled log-likelihood to 1 %', async () => {
  const setup = setUp(3, 6);
  const { model, values, tokens } = setup;
  const measurement = await measureModel(kernels, model, tokens, { store: memoryStore(), seed });
  const labels = sampledLabels(logProbabilities(setup), setup);
  let checked = 0;
  for (const { tensor, columns, sketch } of measurement.summaries) {
    const matrix = values.get(tensor)!.values;
    // Tokens that the text does not hold change nothing: the look-up's perturbation may be the whole matrix.
    const delta =
      tensor === 'token_embd.weight' ? perturbationOf(matrix, columns, 1) : sketchedPerturbation(matrix, columns);
    const score = (epsilon: number) =>
      perturbed(matrix, delta, epsilon, () => scores(logProbabilities(setup), labels, setup));
    const [up, down] = [score(0.05), score(-0.05)];
    const differences = Float32Array.from(up, (value, s) => (value - down[s]) / 0.1);
    const distance = relativeDistance(Float32Array.from(sketch.innerProducts), differences);
    assert.ok(distance < 0.01, `${tensor}: relative distance ${distance}`);
    checked++;
  }
  assert.equal(checked, 2 * 7 + 2);
});

test('the unbiased form predicts the true KL of small steps to 30 %, as its low-variance companions do', async () => {
  const setup = setUp(64, 6, false, 1);
  const { model, values, tokens } = setup;
  const measurement = await measureModel(kernels, model, tokens, { store: memoryStore(), seed });
  const reference = logProbabilities(setup);
  const sums = { true: 0, unbiased: 0, byRows: 0, kronecker: 0 };
  const step = 0.3;
  for (const { tensor, columns, sketch, factor } of measurement.summaries) {
    if (tensor === 'token_embd.weight') continue;
    const matrix = values.get(tensor)!.values;
    const logQ = perturbed(matrix, sketchedPerturbation(matrix, columns), step, () => logProbabilities(setup));
    const kl = reference.reduce((sum, logP, i) => sum + Math.exp(logP) * (logP - logQ[i]), 0);
    sums.true += kl / tokens.ids.length / step ** 2;
    const perToken = 0.5 / tokens.ids.length;
    sums.unbiased += sketch.squares.reduce((sum, v) => sum + v, 0) * perToken;
    sums.byRows += sketch.rowProducts.reduce((sum, v) => sum + v, 0) * perToken;
    sums.kronecker += sketch.kronecker / factor.value;
  }
  assert.ok(Math.abs(sums.unbiased / sums.true - 1) < 0.3, `unbiased ÷ true ${sums.unbiased / sums.true}`);
  assert.ok(Math.abs(sums.byRows / sums.true - 1) < 0.3, `by rows ÷ true ${sums.byRows / sums.true}`);
  assert.ok(Math.abs(sums.kronecker / sums.true - 1) < 0.3, `Kronecker ÷ true ${sums.kronecker / sums.true}`);
  assert.equal(measurement.summaries.length, 9);
});

async function assertSame(a: Measurement, b: Measurement, tolerance: number): Promise<void> {
  assert.deepEqual(
    a.summaries.map(({ tensor, use }) => [tensor, use]),
    b.summaries.map(({ tensor, use }) => [tensor, use]),
  );
  let compared = 0;
  for (const { tensor } of a.summaries) {
    const [x, y] = [await a.read(tensor), await b.read(tensor)];
    for (const half of ['rounding', 'pricing'] as const) {
      x[half].forEach((term, i) => {
        assert.ok(relativeDistance(term.a, y[half][i].a) <= tolerance, `${tensor}: A differs`);
        assert.ok(relativeDistance(term.b, y[half][i].b) <= tolerance, `${tensor}: b differs`);
        compared++;
      });
    }
    const sketches = [x, y].map(({ sketches: [first] }) => Float32Array.from(first.innerProducts));
    assert.ok(relativeDistance(sketches[0], sketches[1]) <= tolerance, `${tensor}: sketch differs`);
  }
  assert.ok(compared >= 2 * a.summaries.length);
}

test('factors do not depend on batching (1e-5) nor on where values between segments are kept (exactly)', async () => {
  const { model, tokens } = setUp(5, 6);
  const whole = await measureModel(kernels, model, tokens, { store: memoryStore(), seed });
  const split = await measureModel(kernels, model, tokens, { store: memoryStore(), seed, batchTokens: 6 });
  const spilled = await measureModel(kernels, model, tokens, {
    store: memoryStore(),
    seed,
    boundaries: (shape) => fileBoundaries(shape),
  });
  await assertSame(whole, split, 1e-5);
  await assertSame(whole, spilled, 0);
});

test('an interrupted measurement goes on where it stopped and gives the same factors', async () => {
  const { model, tokens } = setUp(4, 6, true);
  const whole = await measureModel(kernels, model, tokens, { store: memoryStore(), seed });
  let events = 0;
  await measureModel(kernels, model, tokens, { store: memoryStore(), seed, onProgress: () => void events++ });
  for (let stop = 1; stop < events; stop++) {
    const store = memoryStore();
    const controller = new AbortController();
    let seen = 0;
    const onProgress = () => {
      if (++seen === stop) controller.abort(new Error('stopped'));
    };
    await assert.rejects(measureModel(kernels, model, tokens, { store, seed, onProgress, signal: controller.signal }), {
      message: 'stopped',
    });
    await assertSame(whole, await measureModel(kernels, model, tokens, { store, seed }), 0);
  }
  // Two batches through embedding and two blocks, through the last segments, and back.
  assert.equal(events, 2 * 3 + 2 + 2 * 3);
});

test('a finished measurement is reused; another seed or text is not', async () => {
  const { model, tokens } = setUp(2, 4);
  const store = memoryStore();
  let work = 0;
  const onProgress = () => void work++;
  await measureModel(kernels, model, tokens, { store, seed, onProgress });
  const once = work;
  await measureModel(kernels, model, tokens, { store, seed, onProgress });
  assert.equal(work, once);
  await measureModel(kernels, model, tokens, { store, seed: seed + 1, onProgress });
  assert.equal(work, 2 * once);
  const other = { ...tokens, ids: tokens.ids.map((id) => (id + 1) % 20) };
  await measureModel(kernels, model, other, { store, seed, onProgress });
  assert.equal(work, 3 * once);
});

test('a tied embedding has two terms, each with shares that sum to its factor', async () => {
  const { model, tokens, config } = setUp(4, 6, true);
  const measurement = await measureModel(kernels, model, tokens, { store: memoryStore(), seed });
  const embedding = await measurement.read('token_embd.weight');
  assert.equal(embedding.pricing.length, 2);
  const factors = measurement.summaries
    .filter(({ tensor }) => tensor === embedding.tensor)
    .map(({ factor }) => factor.value);
  assert.equal(factors.length, 2);
  for (const terms of [embedding.pricing, embedding.rounding]) {
    terms.forEach(({ b }, i) => {
      assert.equal(b.length, config.vocabulary);
      assert.ok(Math.abs(b.reduce((sum, value) => sum + value, 0) / factors[i] - 1) < 1e-5);
    });
  }
});

test('rejects a single sequence, naming what is missing', async () => {
  const { model, tokens } = setUp(1, 4);
  await assert.rejects(measureModel(kernels, model, tokens, { store: memoryStore() }), /1 sequence.*at least 2/);
});

test('rejects token ids outside the vocabulary', async () => {
  const { model, tokens } = setUp(2, 4);
  const ids = tokens.ids.with(3, smallConfig.vocabulary);
  await assert.rejects(
    measureModel(kernels, model, { ...tokens, ids }, { store: memoryStore() }),
    /to 20, .* has 20 tokens/,
  );
});
