import assert from 'node:assert/strict';
import { test } from 'node:test';
import { Random } from '../../src/core/random.ts';
import { normBefore, usesOf } from '../../src/graph/uses.ts';

import { measureModel } from '../../src/measure/measure.ts';
import { type Layer, visitLayers } from '../../src/measure/metrics/passes/layers.ts';
import { type ScoreTask, scoreCandidates } from '../../src/measure/metrics/score.ts';
import { metrics } from '../../src/measure/metrics/table.ts';
import type { LayerMetric, Score } from '../../src/measure/metrics/types.ts';
import { memoryStore } from '../../src/measure/store.ts';
import { isMatrix } from '../../src/model/matrices.ts';
import { testKernels } from '../support/kernels.ts';
import { syntheticModel } from '../support/synthetic.ts';

const kernels = await testKernels();
const SEED = 4;
const EXPERTS = 3;
const model = await syntheticModel('Qwen2MoeForCausalLM', {
  ...{ hidden_size: 16, num_attention_heads: 2, num_key_value_heads: 1, intermediate_size: 16 },
  ...{ num_experts: EXPERTS, num_experts_per_tok: 2, moe_intermediate_size: 8, shared_expert_intermediate_size: 8 },
});
const random = new Random(8);
const tokens = { sequences: 4, length: 6, ids: Int32Array.from({ length: 24 }, () => random.integer(24)) };

/** δW of a candidate: noise of its own size. */
function deltaOf(name: string, numbers: number, format: string): Float32Array {
  const noise = new Random(9).fork(`${name} ${format}`);
  return Float32Array.from({ length: numbers }, () => (format === 'Q4_0' ? 0.02 : 0.01) * noise.normal());
}

/** The same layer as one dense matrix: outputs of all experts side by side, zeros where a token did not go. */
function wide(layer: Layer): Layer {
  const { order, length, width, slots } = layer;
  const spread = (rows: Float32Array): Float32Array => {
    const all = new Float32Array(order.length * length * EXPERTS * width);
    for (let expert = 0; expert < EXPERTS; expert++)
      for (let row = slots!.offsets[expert]; row < slots!.offsets[expert + 1]; row++) {
        const token = Math.floor(slots!.order[row] / slots!.used);
        all.set(rows.subarray(row * width, (row + 1) * width), (token * EXPERTS + expert) * width);
      }
    return kernels.upload(all);
  };
  const { sampled, text } = layer.gradients;
  return {
    ...layer,
    ...{ use: 'linear', slots: undefined, width: EXPERTS * width },
    gradients: { sampled: spread(sampled!), text: spread(text!) },
    outputs: (matrix) => spread(layer.outputs(matrix)),
  };
}

function collected(metric: LayerMetric, layer: Layer, seen: Layer): Score[] {
  const { tensor, length } = layer;
  const formats = ['Q4_0', 'Q8_0'];
  const shape = { tensor, kernels, config: model.config, candidates: 2, sequences: tokens.sequences, length };
  const collector = metric.collect(shape);
  collector.layer?.(seen);
  const norms = formats.map((format, candidate) => {
    const delta = deltaOf(tensor.name, tensor.shape[0] * tensor.shape[1], format);
    collector.change?.(seen, candidate, delta, seen.outputs(delta));
    return { bits: 4 + candidate, squares: delta.reduce((sum, value) => sum + value * value, 0) };
  });
  return collector.scores(norms);
}

/** Those whose equations look at one matrix's width, at every so many-th row, or at the router. */
const BY_WIDTH = ['ohq', 'hawq-activations', 'mc-moe'];

test('layer metrics score experts as the wide matrix that they are, zeros where a token does not go, to 1e-5', async () => {
  let [layers, compared] = [0, 0];
  await visitLayers(kernels, model, tokens, { seed: SEED, labels: ['sampled', 'text'] }, async (layer) => {
    if (layer.slots === undefined) return;
    layers++;
    // Inputs of the wide matrix are the tokens' own; down projections of experts have inputs of their own.
    const isDown = layer.tensor.role === 'ffn_down_exps';
    const x = new Float32Array(tokens.ids.length * layer.tensor.shape[1]);
    const columns = layer.tensor.shape[1];
    layer.slots.order.forEach((slot, row) => {
      const token = Math.floor(slot / layer.slots!.used);
      x.set(layer.inputs!.subarray(row * columns, (row + 1) * columns), token * columns);
    });
    const twin: Layer = { ...wide(layer), inputs: kernels.upload(x) };
    for (const metric of metrics) {
      if (metric.stage !== 'layers' || BY_WIDTH.includes(metric.name)) continue;
      if (metric.name === 'first-order' && isDown) continue;
      const [own, dense] = [collected(metric, layer, layer), collected(metric, layer, twin)];
      for (const [i, { value, vector }] of own.entries()) {
        assert.ok(Math.abs(value / dense[i].value - 1) < 1e-5, `${metric.name}: ${value}, ${dense[i].value}`);
        for (const [j, number] of (vector ?? []).entries())
          assert.ok(Math.abs(number - dense[i].vector![j]) < 1e-5, metric.name);
      }
      compared++;
    }
  });
  assert.equal(layers, 2 * 3);
  assert.ok(compared >= 6 * 9, `${compared}`);
});

test('hawq-activations of experts is the sum over experts, each by its own rows and width, to 1e-6', async () => {
  const metric = metrics.find(({ name }) => name === 'hawq-activations') as LayerMetric;
  let compared = 0;
  await visitLayers(kernels, model, tokens, { seed: SEED, labels: ['sampled'] }, async (layer) => {
    if (layer.slots === undefined) return;
    const { tensor, slots, width, gradients } = layer;
    const delta = deltaOf(tensor.name, tensor.shape[0] * tensor.shape[1], 'Q4_0');
    const dy = layer.outputs(delta);
    let expected = 0;
    for (let e = 0; e < EXPERTS; e++) {
      const [from, to] = [slots.offsets[e], slots.offsets[e + 1]];
      const energy = (values: Float32Array): number =>
        values.subarray(from * width, to * width).reduce((sum, value) => sum + value * value, 0) / (to - from);
      if (to > from)
        expected += (((to - from) / tokens.ids.length) * 0.5 * energy(gradients.sampled!) * energy(dy)) / width;
    }
    const [{ value }] = collected(metric, layer, layer);
    assert.ok(Math.abs(value / expected - 1) < 1e-6, `${value}, ${expected}`);
    compared++;
  });
  assert.equal(compared, 6);
});

test('mc-moe of an expert is frequency × router’s weight × relative error, to 1e-6', async () => {
  const metric = metrics.find(({ name }) => name === 'mc-moe') as LayerMetric;
  let compared = 0;
  await visitLayers(kernels, model, tokens, { seed: SEED, labels: ['sampled'] }, async (layer) => {
    if (layer.slots === undefined) return;
    const { tensor, slots, width, weight } = layer;
    const delta = deltaOf(tensor.name, tensor.shape[0] * tensor.shape[1], 'Q4_0');
    const [y, dy] = [layer.outputs(weight), layer.outputs(delta)];
    const [{ value, vector }] = collected(metric, layer, layer);
    let sum = 0;
    for (let e = 0; e < EXPERTS; e++) {
      const rows = Array.from({ length: slots.offsets[e + 1] - slots.offsets[e] }, (_, i) => slots.offsets[e] + i);
      const energy = (of: Float32Array): number =>
        rows.reduce((all, row) => all + Math.hypot(...of.subarray(row * width, (row + 1) * width)) ** 2, 0);
      const routed = rows.reduce((all, row) => all + slots.weights[slots.order[row]], 0);
      const expected = ((rows.length / 24) * (routed / 24) * energy(dy)) / energy(y);
      assert.ok(Math.abs(vector![e] / expected - 1) < 1e-6, `${vector![e]}, ${expected}`);
      sum += expected;
    }
    assert.ok(Math.abs(value / sum - 1) < 1e-6);
    const all = slots.weights.reduce((total, each) => total + each, 0) / 24;
    assert.ok(all > 0.3 && all < 1, `${all}: the share of two of three experts`);
    compared++;
  });
  assert.equal(compared, 6);
});

test('every metric scores every matrix of a mixture of experts', async () => {
  const measurement = await measureModel(kernels, model, tokens, { store: memoryStore(), seed: SEED });
  const task: ScoreTask = {
    ...{ kernels, model, measurement, tokens, evaluated: tokens, seed: SEED },
    candidates: {
      tensors: [...model.tensors.values()].filter(isMatrix),
      formats: () => ['Q4_0', 'Q8_0'],
      delta: async ({ name, shape }, format) => deltaOf(name, shape[0] * shape[1], format),
    },
    ownText: async () => tokens,
    memory: { get: async () => undefined, put: async () => {} },
  };
  const tables = await scoreCandidates(metrics, task);
  assert.equal(tables.size, metrics.length);
  for (const [{ name }, table] of tables) {
    const stacked = [...table].filter(([tensor]) => tensor.includes('_exps'));
    assert.equal(stacked.length, 6);
    for (const [tensor, scores] of stacked)
      assert.ok(
        scores.every(({ value }) => Number.isFinite(value) && value > 0),
        `${name} of ${tensor}`,
      );
  }
});

test('the norm before experts is found through the rows that are copied to them', () => {
  const gate = usesOf(model.graph).find(({ tensor }) => tensor === 'blk.1.ffn_up_exps.weight')!;
  assert.equal(normBefore(model.graph, gate), 'blk.1.ffn_norm.weight');
});
