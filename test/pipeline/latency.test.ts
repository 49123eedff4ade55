import assert from 'node:assert/strict';
import { join } from 'node:path';
import { test } from 'node:test';
import { openModel } from '../../src/model/open.node.ts';
import { sitesOf } from '../../src/model/sites.ts';
import type { Model } from '../../src/model/types.ts';
import { format, rowBytes } from '../../src/numeric/table.ts';
import { nodeHost } from '../../src/pipeline/host/node.ts';
import { contextOf } from '../../src/pipeline/latency/decode.ts';
import { measureLatency } from '../../src/pipeline/latency/measure.ts';
import { observeTokens } from '../../src/pipeline/latency/observe.ts';
import { fixedTime, kernelOf, predictLatency } from '../../src/pipeline/latency/predict.ts';
import { cachesOf, productBytes, productsOf } from '../../src/pipeline/latency/products.ts';
import { latencyEntry } from '../../src/pipeline/latency/store.ts';
import { syntheticWeights } from '../../src/pipeline/latency/synthetic.ts';
import type { LatencyTable } from '../../src/pipeline/latency/types.ts';
import { Planner } from '../../src/pipeline/plan/planner.ts';
import { quantizeModel } from '../../src/pipeline/quantize.ts';
import { moved } from '../../src/pipeline/resources/moved.ts';
import { solveFor } from '../../src/pipeline/solve.ts';
import type { SensitivityTable } from '../../src/quantize/sensitivity.ts';
import { matrices } from '../../src/quantize/sensitivity.ts';
import { WorkStore } from '../../src/store/store.node.ts';
import { configs } from '../support/configs.ts';
import { testKernels } from '../support/kernels.ts';
import { syntheticModel } from '../support/synthetic.ts';
import { randomTokens, smallModelFile, temporaryFolder } from './support.ts';

const FORMATS = ['Q4_0', 'Q8_0', 'F16'];

/** A table as measured with two rounds in which products take a time by their bytes, the second one 10 % more. */
function madeTable(model: Model): LatencyTable {
  const rounds = (name: string) =>
    [1, 1.1].map((factor) => ({
      fixed: 0.5 * factor,
      products: Object.fromEntries(
        productsOf(model, () => name).map((product) => [
          `${product.rows}x${product.columns}`,
          1e-5 * factor * productBytes([product]),
        ]),
      ),
    }));
  return {
    version: 2,
    key: {
      device: { cpu: 'made up', cores: 1, engine: 'none', kernels: 'none', digest: '' },
      threads: 1,
      context: 64,
      graph: '',
    },
    rounds: Object.fromEntries(FORMATS.map((name) => [name, rounds(name)])),
  };
}

/** Prices that fall by four for each further bit. */
function madePrices(model: Model, formats = FORMATS): SensitivityTable {
  return {
    version: 1,
    model: 'made up',
    rounding: 'nearest',
    scale: { value: 1, standardError: 0 },
    tensors: matrices(model).map(({ name, role, layer, shape: [rows, columns] }) => ({
      ...{ tensor: name, role, kind: 'attention' as const, layer, rows, columns, relativeError: 0.1 },
      prices: formats.map((id, i) => ({ format: id, loss: (rows * columns * 16 ** -i) / 1e6, samplingError: 0 })),
    })),
  };
}

test('a token takes its fixed part and every product; the spread is that of whole tokens', async () => {
  const model = await syntheticModel('LlamaForCausalLM');
  const table = madeTable(model);
  const products = productsOf(model, () => 'Q4_0');
  assert.equal(products.length, 15, '2 blocks of 7 and the head; the embedding of an untied model is looked up');
  const whole = predictLatency(table, products);
  assert.ok(Math.abs(whole.milliseconds - (0.525 + 1.05e-5 * productBytes(products))) < 1e-9);
  assert.ok(Math.abs(whole.spread / whole.milliseconds - (1.4826 * 0.05) / 1.05) < 1e-6);
  for (let count = 1; count < products.length; count++) {
    const fewer = predictLatency(table, products.slice(0, count)).milliseconds;
    assert.ok(fewer < predictLatency(table, products.slice(0, count + 1)).milliseconds);
    assert.ok(fewer >= fixedTime(table));
  }
  assert.throws(
    () =>
      predictLatency(
        table,
        productsOf(model, () => 'Q5_0'),
      ),
    /Q5_0 64x64 was not measured/,
  );
});

test('plans keep a budget of latency, alone and beside one of bytes, and pay for it', async () => {
  const model = await syntheticModel('LlamaForCausalLM');
  const table = madePrices(model);
  const planner = new Planner({ model, table, latency: madeTable(model), context: 64 });
  const most = (await planner.plan({ latency: 1e6 })).prediction!;
  const least = predictLatency(
    madeTable(model),
    productsOf(model, () => 'Q4_0'),
  ).milliseconds;
  let kl = most.kl;
  for (const share of [0.75, 0.5, 0.25, 0]) {
    const budget = least + share * (most.costs!['latency'] - least);
    const plan = await planner.plan({ latency: budget });
    const { milliseconds, spread } = predictLatency(
      madeTable(model),
      productsOf(model, (name) => plan.sites[name]),
    );
    assert.ok(milliseconds <= budget * (1 + 1e-12));
    assert.ok(Math.abs(plan.prediction!.costs!['latency'] - milliseconds) < 1e-9);
    assert.ok(Math.abs(plan.prediction!.costErrors!['latency'] - spread) < 1e-9 && spread > 0);
    assert.ok(plan.prediction!.kl >= kl && plan.prediction!.kl > most.kl);
    const both = (await planner.plan({ latency: budget, bytes: plan.prediction!.fileBytes })).prediction!;
    assert.ok(both.kl >= plan.prediction!.kl - 1e-12 && both.costs!['latency'] <= budget * (1 + 1e-12));
    kl = plan.prediction!.kl;
  }
  await assert.rejects(
    planner.plan({ latency: 0.6 }),
    /^BitbudgetError: budget: latency: the smallest choices take \d\.\d+, the budget is 0\.6 \(.* ask for .*\); latency is in ms per/,
  );
  await assert.rejects(planner.plan({ latency: least, bytes: 1e5 }), /bytes: the smallest choices take/);
  await assert.rejects(new Planner({ model, table }).plan({ latency: 9 }), /budget of latency: nothing was measured/);
});

test('bytes moved are the matrices multiplied with, one row of the embedding, vectors, keys and values', async () => {
  const model = await syntheticModel('LlamaForCausalLM');
  const resource = moved({ model, table: madePrices(model), context: 64 });
  const embedding = rowBytes(format('Q8_0'), 64);
  const weights = sitesOf(model).filter(({ kind }) => kind === 'weight');
  const sum = weights.reduce((total, site) => total + resource.cost([{ site, option: 'Q8_0' }]), 0);
  assert.equal(sum, productBytes(productsOf(model, () => 'Q8_0')) + embedding);
  assert.equal(resource.fixed, 4 * (5 * 64 + 2 * 2 * 64 * 2 * 16));
  assert.throws(() => contextOf(model, 129), /context 129: .* at most 128 tokens/);
});

test('times are kept for this very device, and interrupted measuring goes on where it stopped', async (context) => {
  const folder = await temporaryFolder(context);
  const [kernels, model] = [await testKernels(), await syntheticModel('LlamaForCausalLM')];
  const entry = await new WorkStore(folder).open({ step: 'latency', of: 'this device' }, { model: 'synthetic' });
  context.after(() => entry.close());
  const store = latencyEntry(entry);
  const visits = async (formats: readonly string[], stopAfter = Infinity): Promise<number> => {
    const stop = new AbortController();
    let done = 0;
    const measuring = measureLatency(kernels, model, {
      ...{ formats, context: 16, rounds: 2, store, signal: stop.signal },
      onProgress: (event) => {
        done = event.done;
        if (done === stopAfter) stop.abort(new Error('stopped'));
      },
    });
    if (stopAfter < Infinity) await assert.rejects(measuring, /stopped/);
    else await measuring;
    return done;
  };
  assert.equal(await visits(FORMATS, 2), 2);
  assert.equal(await visits(FORMATS), 4);
  assert.equal(await visits(FORMATS), 0);
  assert.equal(await visits([...FORMATS, 'Q5_0']), 2, 'a further format is added to the table');
  const text = new TextDecoder().decode(await entry.get('table'));
  const { key, rounds } = JSON.parse(text) as LatencyTable;
  assert.match(key.device.engine, /^Node v/);
  assert.deepEqual(Object.keys(rounds).sort(), [...FORMATS, 'Q5_0'].map(kernelOf).sort());
  const shapes = ['32x64', '4096x64', '64x64', '64x96', '96x64'];
  for (const [name, visited] of Object.entries(rounds))
    for (const { products } of visited) {
      // Blocks of 32 do not hold heads of 16.
      const caches = name === 'F16' ? ['cache of 32'] : [];
      assert.deepEqual(Object.keys(products).sort(), [...shapes, ...caches].sort(), name);
    }
  for (const round of Object.values(rounds).flat()) {
    assert.ok([round.fixed, ...Object.values(round.products)].every((time) => time > 0 && time < 1000));
  }
  for (const spoiled of [
    text.replace(/"digest":"\w+"/, '"digest":"other kernels"'),
    text.replace(/"cores":\d+/, '"cores":1000'),
    text.replace(/"fixed":[\d.]+/, '"fixed":"fast"'),
    text.slice(0, -100),
  ]) {
    assert.notEqual(spoiled, text);
    await entry.put('table', new TextEncoder().encode(spoiled));
    assert.equal(await visits(['Q4_0']), 2, 'measured anew');
  }
});

test('quantize keeps a budget of latency and measures the file it wrote', async (context) => {
  const folder = await temporaryFolder(context);
  const source = await smallModelFile(folder);
  const options = {
    ...{ folder, rounding: 'nearest' as const, palette: ['Q4_0', 'Q8_0'], context: 32, threads: 1 },
    calibration: async () => randomTokens(8, 32, 1),
  };
  const plan = async (latency: number) =>
    (await solveFor(nodeHost, await openModel(source), { latency }, options)).plans[0];
  const best = await plan(1000);
  const output = join(folder, 'out.gguf');
  // A little more, because sums of fractions are rounded.
  const target = { kind: 'budgets', wishes: { latency: best.prediction!.costs!['latency'] * (1 + 1e-9) } } as const;
  const result = await quantizeModel(nodeHost, await openModel(source), { ...options, target, output });
  assert.deepEqual(result.plan.sites, best.sites);
  const { milliseconds, threads, context: at } = result.latency!;
  assert.ok(milliseconds > 0 && milliseconds < 1000);
  assert.deepEqual([threads, at], [1, 32]);
  const calibration = () => Promise.reject(new Error('measured for nothing'));
  await assert.rejects(
    async () => solveFor(nodeHost, await openModel(source), { latency: 1e-6 }, { ...options, calibration }),
    /^BitbudgetError: budget: latency: the smallest choices take [\d.]+, the budget is 0\.000001 /,
  );
});

test('every product with a site is timed where it is called, experts by the rows of a token, packed caches too; a plan of all has a time', async () => {
  const model = await syntheticModel('Qwen2MoeForCausalLM', { ...configs.Qwen2MoeForCausalLM, head_dim: 32 });
  const kernels = await testKernels();
  const states = sitesOf(model).filter(({ kind }) => kind === 'state');
  const cached = { ...syntheticWeights(model, () => 'Q8_0'), roundings: new Map(states.map(({ id }) => [id, 'Q4_0'])) };
  const effort = { tokens: 1, milliseconds: 0 };
  const { calls } = await observeTokens(kernels, cached, { context: 16, effort });
  const expected = [
    ...productsOf(model, () => 'Q8_0').map(({ site }) => ['Q8_0', site]),
    ...states.map(({ id }) => ['Q4_0', id]),
  ];
  const found = calls.map(({ kernel, site }) => [kernel, site]);
  assert.deepEqual(found.toSorted(), expected.toSorted());

  const table = await measureLatency(kernels, model, { formats: ['Q4_0', 'Q8_0'], context: 16, rounds: 1 });
  const shapes = Object.keys(table.rounds['Q8_0'][0].products);
  const { experts } = model.config;
  assert.ok(
    shapes.includes(`${6 * 64}x64, ${experts!.used * 64} a token`) && shapes.includes('cache of 64'),
    shapes.join('; '),
  );
  const running = states.map(({ id }) => ({ site: id, prices: [{ option: 'Q8_0', loss: 0, lossError: 0 }] }));
  const prices = madePrices(model, ['Q8_0']);
  const planner = new Planner({ model, table: prices, running, latency: table, context: 16 });
  const { costs, costErrors } = (await planner.plan({ latency: 1e6 })).prediction!;
  const caches = cachesOf(model, () => 'Q8_0');
  const whole = predictLatency(table, [...productsOf(model, () => 'Q8_0'), ...caches]).milliseconds;
  assert.equal(caches.length, 4);
  assert.ok(costs!['latency'] >= fixedTime(table) && costErrors!['latency'] >= 0);
  assert.ok(Math.abs(costs!['latency'] / whole - 1) < 1e-9, `${costs!['latency']} of a plan, ${whole} of its parts`);
});
