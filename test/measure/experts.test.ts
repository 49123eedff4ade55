import assert from 'node:assert/strict';
import { test } from 'node:test';
import { Random } from '../../src/core/random.ts';
import { createReferenceKernels } from '../../src/kernels/reference/index.ts';
import { expertName, HARDLY_REACHED } from '../../src/measure/experts.ts';
import { GroupedFactors } from '../../src/measure/grouped.ts';
import { importanceSums } from '../../src/measure/imatrix.ts';
import { measureModel } from '../../src/measure/measure.ts';
import { visitLayers } from '../../src/measure/metrics/passes/layers.ts';
import type { TokenBatch } from '../../src/measure/plan.ts';
import { countTokens, enoughText, expertReach } from '../../src/measure/reach.ts';
import { expertDetails, expertLine } from '../../src/measure/reach-lines.ts';
import { StackSums } from '../../src/measure/stack.ts';
import { memoryStore } from '../../src/measure/store.ts';
import type { Measurement, TensorMeasurement, UseSummary } from '../../src/measure/types.ts';
import type { Model, ModelTensor } from '../../src/model/types.ts';
import { testKernels } from '../support/kernels.ts';
import { syntheticModel } from '../support/synthetic.ts';
import { relativeDistance } from './support.ts';

const EXPERTS = 6;
const config = {
  num_experts: EXPERTS,
  num_experts_per_tok: 2,
  moe_intermediate_size: 32,
  shared_expert_intermediate_size: 32,
};
const SEED = 3;
const KINDS = ['ffn_gate_exps', 'ffn_up_exps', 'ffn_down_exps'];

function text(sequences: number, length: number) {
  const random = new Random(1);
  return { sequences, length, ids: Int32Array.from({ length: sequences * length }, () => random.integer(4096)) };
}

/** The model with its experts, and the routers' rows, in another order. */
function permuted(model: Model, order: readonly number[]): Model {
  const tensors = new Map(model.tensors);
  for (const tensor of model.tensors.values()) {
    if (!/_exps|ffn_gate_inp\.weight/.test(tensor.name)) continue;
    const [rows, columns] = tensor.shape;
    const each = rows / EXPERTS;
    const load: ModelTensor['load'] = async (start = 0, end = rows) => {
      const whole = await tensor.load();
      const moved = new Float32Array(whole.length);
      for (const [to, from] of order.entries())
        moved.set(whole.subarray(from * each * columns, (from + 1) * each * columns), to * each * columns);
      return moved.slice(start * columns, end * columns);
    };
    tensors.set(tensor.name, { ...tensor, load, loadBlocks: undefined });
  }
  return { ...model, tensors, fingerprint: async () => `permuted ${order.join()}` };
}

test('experts in another order, routers with them, have the same factors to 1e-5', async () => {
  const kernels = await testKernels();
  const model = await syntheticModel('Qwen2MoeForCausalLM', config);
  const order = [3, 0, 5, 1, 4, 2];
  const tokens = text(6, 32);
  const [one, other] = [
    await measureModel(kernels, model, tokens, { store: memoryStore(), seed: SEED }),
    await measureModel(kernels, permuted(model, order), tokens, { store: memoryStore(), seed: SEED }),
  ];
  let compared = 0;
  for (const layer of [0, 1])
    for (const kind of KINDS)
      for (const [to, from] of order.entries()) {
        const name = `blk.${layer}.${kind}.weight`;
        const [a, b] = [await other.read(expertName(name, to)), await one.read(expertName(name, from))];
        assert.ok(relativeDistance(a.pricing[0].a, b.pricing[0].a) < 1e-5, `${name}: expert ${from}`);
        assert.ok(relativeDistance(a.pricing[0].b, b.pricing[0].b) < 1e-4, `${name}: expert ${from}`);
        compared++;
      }
  assert.equal(compared, 2 * 3 * EXPERTS);
});

test('an expert’s factors are those of a dense matrix on the tokens that it got, to 1e-5', async () => {
  const kernels = await testKernels();
  const model = await syntheticModel('Qwen2MoeForCausalLM', config);
  // Even sequences are the half that rounding sees; one batch of all shows the same gradients as measuring takes.
  const tokens = text(8, 32);
  const measured = await measureModel(kernels, model, tokens, { store: memoryStore(), seed: SEED });
  let compared = 0;
  await visitLayers(kernels, model, tokens, { seed: SEED, labels: ['sampled'] }, async (layer) => {
    if (layer.slots === undefined) return;
    const { inputs, gradients, width, slots } = layer;
    const columns = layer.tensor.shape[1];
    const g = gradients.sampled!;
    for (let expert = 0; expert < EXPERTS; expert++) {
      const a = new Float64Array(columns * columns);
      for (let row = slots.offsets[expert]; row < slots.offsets[expert + 1]; row++) {
        const sequence = Math.floor(slots.order[row] / slots.used / tokens.length);
        if (sequence % 2 !== 0) continue;
        let weight = 0;
        for (let i = 0; i < width; i++) weight += g[row * width + i] ** 2;
        const x = inputs!.subarray(row * columns, (row + 1) * columns);
        for (let i = 0; i < columns; i++) for (let j = 0; j < columns; j++) a[i * columns + j] += weight * x[i] * x[j];
      }
      const dense = a.map((value) => value / (4 * tokens.length));
      const { rounding } = await measured.read(expertName(layer.tensor.name, expert));
      if (slots.offsets[expert + 1] - slots.offsets[expert] < 3 * HARDLY_REACHED) continue;
      assert.ok(relativeDistance(rounding[0].a, dense) < 1e-5, `${layer.tensor.name}, expert ${expert}`);
      compared++;
    }
  });
  assert.ok(compared >= 3 * EXPERTS, `${compared} compared`);
});

test('an expert that no token reached has the prior of its block: neither nothing nor NaN', async () => {
  const kernels = await testKernels();
  const source = await syntheticModel('Qwen2MoeForCausalLM', { ...config, num_experts: 64 });
  const measured = await measureModel(kernels, source, text(2, 8), { store: memoryStore(), seed: SEED });
  let [unreached, checked] = [0, 0];
  for (const summary of measured.summaries.filter(({ tensor }) => tensor.includes('_exps'))) {
    const { pricing } = await measured.read(summary.tensor);
    const trace = pricing[0].a.reduce((sum, value, i) => sum + (i % (summary.columns + 1) === 0 ? value : 0), 0);
    assert.ok(trace > 0 && pricing[0].b.every((value) => value > 0 && Number.isFinite(value)), summary.tensor);
    if (summary.expert!.tokens.includes(0)) unreached++;
    checked++;
  }
  assert.ok(unreached > 0 && checked === 2 * 3 * 64);
});

test('tokens of experts are counted half by half: they add up to the slots of the text', async () => {
  const kernels = await testKernels();
  const source = await syntheticModel('Qwen2MoeForCausalLM', config);
  const measured = await measureModel(kernels, source, text(6, 32), { store: memoryStore(), seed: SEED });
  const sums = Map.groupBy(
    measured.summaries.filter(({ expert }) => expert !== undefined),
    ({ expert }) => expert!.tensor,
  );
  assert.equal(sums.size, 2 * 3);
  for (const [tensor, experts] of sums) {
    const total = (half: 0 | 1): number => experts.reduce((sum, { expert }) => sum + expert!.tokens[half], 0);
    assert.deepEqual([total(0), total(1)], [3 * 32 * 2, 3 * 32 * 2], tensor);
    const entry = importanceSums(measured).get(tensor)!;
    assert.equal(entry.sums.length, EXPERTS * experts[0].columns, tensor);
    assert.deepEqual(
      [...entry.counts],
      experts.map(({ expert }) => expert!.tokens[0] + expert!.tokens[1]),
    );
  }
});

test('the fewer slots an expert has, the closer it is to the average of its block', () => {
  const kernels = createReferenceKernels();
  const shape = {
    tensor: 'w',
    kind: 'w',
    experts: 4,
    first: 0,
    stack: new StackSums(4, 2),
    rows: 1,
    columns: 2,
    sequences: 2,
  };
  const factors = new GroupedFactors(kernels, shape, new Float32Array(4 * 2).fill(0.3));
  // Inputs of expert e are (1, e); expert 3 gets none.
  const counts = [HARDLY_REACHED, HARDLY_REACHED / 4, 1, 0];
  const slots = counts.reduce((a, b) => a + b, 0);
  const owner = counts.flatMap((count, expert) => Array.from({ length: count }, () => expert));
  const x = Float32Array.from(owner.flatMap((expert) => [1, expert]));
  const offsets = Int32Array.from([0, ...counts.map((_, e) => counts.slice(0, e + 1).reduce((a, b) => a + b, 0))]);
  const sequence = new Int32Array(slots);
  for (const half of [0, 1]) {
    factors.add({ x, g: new Float32Array(slots).fill(1), offsets, sequence, owners: [half], tokens: slots });
    factors.finishHalf();
  }
  const average = owner.reduce((sum, expert) => sum + expert ** 2, 0) / slots;
  for (const [expert, { pricing, expert: measured }] of factors.takeUses().entries()) {
    const own = Math.min(1, counts[expert] / HARDLY_REACHED);
    const expected = (Math.max(1, counts[expert]) / slots) * (own * expert ** 2 + (1 - own) * average);
    assert.ok(Math.abs(pricing.a[3] - expected) < 1e-6, `expert ${expert}: ${pricing.a[3]}, ${expected}`);
    assert.deepEqual(measured!.tokens, [counts[expert], counts[expert]]);
  }
  factors.close();
});

test('counting tokens forwards finds what measuring counts', async () => {
  const kernels = await testKernels();
  const source = await syntheticModel('Qwen2MoeForCausalLM', config);
  const tokens = text(5, 16);
  const { summaries } = await measureModel(kernels, source, tokens, { store: memoryStore(), seed: SEED });
  const { blocks } = expertReach(summaries)!;
  const counted = await countTokens(kernels, source, tokens);
  assert.deepEqual(
    counted.map((block) => block.tokens),
    [...blocks].sort((a, b) => (a.tensor < b.tensor ? -1 : 1)).map((block) => block.tokens),
  );
});

test('more text is read where it reaches more experts, and only there', async () => {
  const block = (...tokens: number[]) => [{ tensor: 'w', tokens: tokens.map((n): [number, number] => [n, n]) }];
  const few = { ...text(2, 8), more: () => text(4, 8) };
  const chosen = async (before: number[], after: number[], batch: TokenBatch = few): Promise<number> => {
    const count = async ({ sequences }: TokenBatch) => (sequences === 2 ? block(...before) : block(...after));
    return (await enoughText(batch, count)).sequences;
  };
  assert.equal(await chosen([0, 100], [HARDLY_REACHED, 200]), 4);
  assert.equal(await chosen([0, 100], [0, 200]), 2, 'an expert that nothing reaches');
  assert.equal(await chosen([100, 100], [200, 200]), 2, 'all are reached');
  assert.equal(await chosen([0, 100], [HARDLY_REACHED, 200], text(2, 8)), 2, 'there is no more');
});

test('what was hardly reached is told with its tokens', () => {
  const summary = (tensor: string, index: number, tokens: [number, number]) => {
    return { kind: 'w', expert: { tensor, index, tokens } };
  };
  const some = expertReach([summary('a', 0, [90, 80]), summary('a', 1, [3, 60]), summary('b', 0, [0, 0])])!;
  assert.deepEqual(
    some.hardly.map(({ tensor, index }) => [tensor, index]),
    [
      ['a', 1],
      ['b', 0],
    ],
  );
  assert.match(expertLine(some, 512), /^2 of 3 got fewer than 16 tokens .*0 to 170 of 512 tokens/);
  assert.match(expertDetails(some)[0], /experts of a: 170, 63 \(average/);
  assert.equal(expertLine(expertReach([summary('a', 0, [90, 80])])!, 512), 'each of 1 got 170 to 170 of 512 tokens');
  assert.equal(expertReach([]), undefined);
});

/** Everything that was measured, by name. */
async function contents({ summaries, read }: Measurement) {
  const found = new Map<string, { summary: UseSummary; factors: TensorMeasurement }>();
  for (const summary of summaries)
    found.set(`${summary.tensor} ${summary.use}`, { summary, factors: await read(summary.tensor) });
  return found;
}

test('experts that come some at a time are measured as all together, to 1e-4, those that nothing reached too', async () => {
  const kernels = await testKernels();
  const model = await syntheticModel('Qwen2MoeForCausalLM', { ...config, num_experts: 24 });
  const tokens = text(4, 16);
  const options = { store: memoryStore(), seed: SEED };
  const whole = await contents(await measureModel(kernels, model, tokens, options));
  let unreached = 0;
  for (const expertBytes of [1, 200_000]) {
    const parts = await contents(
      await measureModel(kernels, model, tokens, { store: memoryStore(), seed: SEED, expertBytes }),
    );
    assert.deepEqual([...parts.keys()].sort(), [...whole.keys()].sort());
    for (const [name, { summary, factors }] of whole) {
      const other = parts.get(name)!;
      assert.deepEqual(other.summary.expert, summary.expert, name);
      for (const half of ['rounding', 'pricing'] as const) {
        assert.ok(relativeDistance(other.factors[half][0].a, factors[half][0].a) < 1e-4, `${name}, ${half}`);
        assert.ok(relativeDistance(other.factors[half][0].b, factors[half][0].b) < 1e-3, `${name}, ${half}`);
      }
      if (summary.expert?.tokens.includes(0)) unreached++;
    }
  }
  assert.ok(unreached > 0);
});

test('experts that come some at a time, interrupted anywhere, are measured as without', async () => {
  const kernels = await testKernels();
  const model = await syntheticModel('Qwen2MoeForCausalLM', { ...config, num_experts: 8 });
  const tokens = text(4, 16);
  const options = { seed: SEED, expertBytes: 1 };
  const expected = await contents(await measureModel(kernels, model, tokens, { ...options, store: memoryStore() }));
  for (const stop of [3, 9, 14]) {
    const store = memoryStore();
    let steps = 0;
    const counting = {
      ...store,
      add: async (...given: Parameters<typeof store.add>) => {
        if (++steps === stop) throw new Error('stopped');
        await store.add(...given);
      },
    };
    await assert.rejects(measureModel(kernels, model, tokens, { ...options, store: counting }), /stopped/);
    const resumed = await contents(await measureModel(kernels, model, tokens, { ...options, store }));
    assert.equal(resumed.size, expected.size);
    for (const [name, each] of expected) assert.deepEqual(resumed.get(name), each, `${name}, stopped at ${stop}`);
  }
});
