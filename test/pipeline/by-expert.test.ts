import assert from 'node:assert/strict';
import { test } from 'node:test';
import { Random } from '../../src/core/random.ts';
import { expertName } from '../../src/measure/experts.ts';
import { measureModel } from '../../src/measure/measure.ts';
import { memoryStore } from '../../src/measure/store.ts';
import { planByExpert } from '../../src/pipeline/plan/by-expert.ts';
import { Planner } from '../../src/pipeline/plan/planner.ts';
import { refuseJob } from '../../src/pipeline/preflight/job.ts';
import { storedBytes } from '../../src/pipeline/resources/bytes.ts';
import { encodePlan } from '../../src/quantize/encode.ts';
import { type JobRunner, priceFormats, roundRows } from '../../src/quantize/jobs.ts';
import { quantizedModel } from '../../src/quantize/quantized.ts';
import { matrices, priceModel } from '../../src/quantize/sensitivity.ts';
import { testKernels } from '../support/kernels.ts';
import { syntheticModel } from '../support/synthetic.ts';

const kernels = await testKernels();
const runner: JobRunner = {
  concurrency: 1,
  round: async (job) => roundRows(kernels, job),
  price: async (job) => priceFormats(kernels, job),
  close: async () => {},
};
const EXPERTS = 4;
const model = await syntheticModel('Qwen2MoeForCausalLM', {
  ...{ num_experts: EXPERTS, num_experts_per_tok: 2, moe_intermediate_size: 32, shared_expert_intermediate_size: 32 },
});
const random = new Random(1);
const tokens = { sequences: 4, length: 32, ids: Int32Array.from({ length: 128 }, () => random.integer(4096)) };
const measurement = await measureModel(kernels, model, tokens, { store: memoryStore(), seed: 1 });
const options = { rounding: 'nearest', palette: ['Q4_0', 'Q5_0', 'Q8_0', 'IQ4_NL', 'MXFP4'] } as const;
const table = await priceModel(model, measurement, runner, options);
const setting = { model, table };

test('at equal bytes a plan by expert is predicted to lose no more than one by tensor, and less at most sizes', async () => {
  let better = 0;
  const sizes = new Planner(setting).frontier().map(({ prediction }) => prediction!.fileBytes);
  assert.ok(sizes.length >= 8);
  for (const budget of sizes.slice(1, 9)) {
    const [byTensor, byExpert] = [
      await new Planner(setting).plan({ bytes: budget }),
      await planByExpert(setting, budget),
    ];
    const [one, other] = [byTensor.prediction!, byExpert.prediction!];
    assert.ok(one.fileBytes <= budget && other.fileBytes <= budget);
    assert.ok(other.kl <= one.kl * (1 + 1e-9), `${other.kl}, ${one.kl}`);
    if (other.kl < 0.9999 * one.kl) better++;
    assert.deepEqual(Object.keys(byExpert.experts!).length, 2 * 3);
  }
  assert.ok(better >= 4, `${better}`);
});

test('its bytes and its loss are the sums over experts and other matrices', async () => {
  const { fileBytes: budget } = (await new Planner(setting).plan({ bytes: 520_000 })).prediction!;
  const { sites, experts, prediction } = await planByExpert(setting, budget);
  let [loss, bytes] = [0, 0];
  for (const tensor of table.tensors) {
    const parts = tensor.experts ?? [tensor.prices];
    for (const [e, prices] of parts.entries()) {
      const format = experts![tensor.tensor]?.[e] ?? sites[tensor.tensor];
      loss += table.scale.value * prices.find((price) => price.format === format)!.loss;
      bytes += storedBytes(format, tensor.rows / parts.length, tensor.columns);
    }
    const whole = tensor.prices.map((price, i) => parts.reduce((sum, prices) => sum + prices[i].loss, 0) / price.loss);
    for (const ratio of whole) assert.ok(Math.abs(ratio - 1) < 1e-12, 'a tensor costs what its experts cost together');
  }
  assert.ok(Math.abs(prediction!.kl / loss - 1) < 1e-12);
  assert.ok(bytes < prediction!.fileBytes && prediction!.fileBytes - bytes < 200_000);
});

test('every expert is rounded in its own format, with the curvature of its own tokens', async () => {
  const blocks = new Map<string, Uint8Array>();
  const store = {
    has: async (key: string) => blocks.has(key),
    get: async (key: string) => blocks.get(key),
    put: async (key: string, bytes: Uint8Array) => void blocks.set(key, bytes),
  };
  const tensor = matrices(model).find(({ experts }) => experts !== undefined)!;
  const formats = ['Q8_0', 'Q4_0', 'Q5_0', 'Q4_0'];
  const base = { version: 2, rounding: 'gptq', sites: {}, default: 'Q8_0' } as const;
  const mixed = { ...base, experts: { [tensor.name]: formats } };
  await encodePlan(model, mixed, measurement, runner, store);
  const found = await quantizedModel(model, mixed, store).tensors.get(tensor.name)!.load();
  const each = found.length / EXPERTS;
  for (const [e, format] of formats.entries()) {
    const uniform = { ...base, sites: { [tensor.name]: format } };
    await encodePlan(model, uniform, measurement, runner, store);
    const whole = await quantizedModel(model, uniform, store).tensors.get(tensor.name)!.load();
    const own = (values: Float32Array): Float32Array => values.slice(e * each, (e + 1) * each);
    assert.deepEqual(own(found), own(whole), `expert ${e} in ${format}`);
  }
  const part = await quantizedModel(model, mixed, store)
    .tensors.get(tensor.name)!
    .load(10, tensor.shape[0] - 7);
  assert.deepEqual(part, found.slice(10 * tensor.shape[1], (tensor.shape[0] - 7) * tensor.shape[1]));
  const short = { ...base, experts: { [tensor.name]: ['Q8_0'] } };
  await assert.rejects(encodePlan(model, short, measurement, runner, store), /has 1 formats for 4 matrices/);
});

test('GGUF cannot hold such a plan, and a dense model has none: one line each', async () => {
  const plan = await planByExpert(setting, 600_000);
  const job = { output: 'x.gguf', rounding: 'gptq', target: { kind: 'plan', plan } } as const;
  assert.throws(
    () => refuseJob(model, new Map(), { ...job, calibration: async () => tokens }),
    /plan: gives every expert of blk\.0\.ffn_gate_exps\.weight a format of its own, and GGUF stores one for all/,
  );
  const dense = { ...table, tensors: table.tensors.map(({ experts: _, ...tensor }) => tensor) };
  await assert.rejects(planByExpert({ model, table: dense }, 600_000), /has no stacked experts/);
});

test('routers stay exact: they are no site of any plan', async () => {
  const plan = await planByExpert(setting, 600_000);
  const routers = [...model.tensors.values()].filter(({ role }) => role === 'ffn_gate_inp');
  assert.equal(routers.length, 2);
  for (const { name, exact } of routers) {
    assert.ok(exact && !(name in plan.sites));
    assert.ok(measurement.summaries.every(({ tensor }) => tensor !== name && tensor !== expertName(name, 0)));
  }
});
