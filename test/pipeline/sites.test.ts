import assert from 'node:assert/strict';
import { readFile } from 'node:fs/promises';
import { test } from 'node:test';
import { fileURLToPath } from 'node:url';
import { costRange } from '../../src/allocate/problem.ts';
import { UsageError } from '../../src/core/errors.ts';
import { matrixKinds } from '../../src/graph/kinds.ts';
import type { PricedSite } from '../../src/measure/site-prices.ts';
import { sitesOf } from '../../src/model/sites.ts';
import type { Model } from '../../src/model/types.ts';
import { bitsPerWeight, format } from '../../src/numeric/table.ts';
import { runningOptions } from '../../src/pipeline/plan/options.ts';
import { readPlan } from '../../src/pipeline/plan/plan-file.ts';
import { Planner } from '../../src/pipeline/plan/planner.ts';
import { resources } from '../../src/pipeline/resources/table.ts';
import { RememberedRuns } from '../../src/pipeline/verify/remembered.ts';
import { matrices, type SensitivityTable } from '../../src/quantize/sensitivity.ts';
import { hybridModel } from '../support/hybrid.ts';
import { syntheticModel } from '../support/synthetic.ts';

/** Plans of version 1 as its planner made them, with shares of the range of each resource that was budgeted. */
interface Kept {
  readonly name: string;
  readonly shares: Readonly<Record<string, number>>;
  readonly fuse?: boolean;
  readonly kvUniform?: boolean;
  readonly plan: { readonly formats: object; readonly prediction: { readonly kl: number } };
}

const fixture = fileURLToPath(new URL('../fixtures/plans/version-1.json', import.meta.url));
const kept = JSON.parse(await readFile(fixture, 'utf8')) as readonly Kept[];

const PALETTE = ['Q4_0', 'Q5_1', 'Q8_0', 'F16'];
const spread = (i: number): number => 1 + ((i * 37) % 11);

/** Prices that fall with bits, each matrix's by a factor of its own. */
function madeTable(model: Model): SensitivityTable {
  const kinds = matrixKinds(model.graph);
  return {
    version: 1,
    model: 'made up',
    rounding: 'nearest',
    scale: { value: 1, standardError: 0.01 },
    tensors: matrices(model).map(({ name, role, layer, shape: [rows, columns] }, i) => ({
      ...{ tensor: name, role, kind: kinds.get(name)!, layer, rows, columns, relativeError: 0.1 },
      prices: PALETTE.map((each) => {
        return { format: each, loss: spread(i) * 4 ** -bitsPerWeight(format(each)), samplingError: 0 };
      }),
    })),
  };
}

function madeRunning(model: Model, chosen: { states: boolean; edges: boolean }): PricedSite[] {
  const edges = chosen.edges ? [16, 8, 6, 4] : undefined;
  const counts = { a: 0, s: 0 };
  return runningOptions(model, { states: chosen.states, edges }).map(({ site, options }) => {
    const isEdge = site.endsWith('.input');
    const i = isEdge ? counts.a++ + 5 : counts.s++ + 3;
    const lossOf = (option: string): number => {
      if (!isEdge) return spread(i) * 3 ** -bitsPerWeight(format(option));
      const bits = Number(option.slice(1));
      return bits === 16 ? 0 : spread(i) * 4 ** -(bits + 2);
    };
    return { site, prices: options.map((option) => ({ option, loss: lossOf(option), lossError: 0 })) };
  });
}

function plannerOf(model: Model, { shares, fuse, kvUniform }: Omit<Kept, 'plan' | 'name'>) {
  const running = madeRunning(model, { states: 'kv' in shares, edges: 'bops' in shares });
  const setting = { model, table: madeTable(model), running, fuse, kvUniform, context: 64 };
  const planner = new Planner(setting);
  const fixed = new Map(resources(setting).map((resource) => [resource.name, resource.fixed]));
  const budgets = Object.fromEntries(
    Object.entries(shares).map(([name, share]) => {
      const { least, most } = costRange(planner.groups(), name);
      return [name, Math.floor(least + share * (most - least)) + fixed.get(name)!];
    }),
  );
  return { planner, budgets };
}

test('plans by sites are those that version 1 made of the same prices and budgets', async () => {
  const model = await syntheticModel('Qwen3ForCausalLM', { head_dim: 32 });
  for (const { name, plan: old, ...problem } of kept) {
    const { planner, budgets } = plannerOf(model, problem);
    const plan = await planner.plan(budgets);
    assert.deepEqual(plan.sites, readPlan(JSON.stringify(old), name).sites, name);
    assert.ok(Math.abs(plan.prediction!.kl / old.prediction.kl - 1) < 1e-12, name);
  }
  assert.equal(kept.length, 5);
});

test('weights, edges and states of a hybrid are one problem, whose plan keeps four budgets, counted anew', async () => {
  const model = await hybridModel();
  const { planner, budgets } = plannerOf(model, { shares: { bytes: 0.3, kv: 0.35, bops: 0.15, moved: 0.3 } });
  const plan = await planner.plan(budgets);
  const sites = sitesOf(model);
  const multiplied = sites.filter(({ kind, isMultiplied }) => kind === 'weight' && isMultiplied).length;
  const counts = Map.groupBy(sites, ({ kind }) => kind);
  assert.deepEqual(Object.keys(plan.sites).sort(), sites.map(({ id }) => id).sort());
  assert.deepEqual([counts.get('edge')!.length, counts.get('state')!.length], [multiplied, 6]);
  for (const [name, most] of Object.entries(budgets)) assert.ok(plan.prediction!.costs![name] <= most, name);
  const bits = (id: string): number => bitsPerWeight(format(plan.sites[id]));
  const products = sites
    .filter(({ kind }) => kind === 'edge')
    .map(({ weight }) => sites.find(({ id }) => id === weight)!);
  const bops = products.map(({ id, rows, columns }) =>
    Math.ceil(bits(id) * Number(plan.sites[`${id}.input`].slice(1)) * rows * columns),
  );
  assert.equal(
    plan.prediction!.costs!['bops'],
    bops.reduce((a, b) => a + b, 0),
  );
  const kv = counts.get('state')!.map(({ id, columns }) => (64 * columns * bits(id)) / 8);
  assert.equal(
    plan.prediction!.costs!['kv'],
    kv.reduce((a, b) => a + b, 0),
  );
  const { edgeKl, stateKl, kl } = plan.prediction!;
  assert.ok(edgeKl! > 0 && stateKl! > 0 && edgeKl! + stateKl! < kl);
  assert.equal(readPlan(JSON.stringify(plan), 'plan.json').sites['blk.0.k'], plan.sites['blk.0.k']);
});

test('a stacked tensor is one site, of whose rows a token works with those of its experts; routers are none', async () => {
  const model = await syntheticModel('Qwen2MoeForCausalLM', {
    ...{ num_experts: 8, num_experts_per_tok: 2, moe_intermediate_size: 32, shared_expert_intermediate_size: 32 },
  });
  const sites = new Map(sitesOf(model).map((site) => [site.id, site]));
  const experts = sites.get('blk.0.ffn_up_exps.weight')!;
  assert.deepEqual([experts.rows, experts.rowsPerToken, experts.columns], [8 * 32, 2 * 32, 64]);
  assert.equal(sites.has('blk.0.ffn_gate_inp.weight'), false);
  assert.equal(sites.get('token_embd.weight')!.rowsPerToken, 1);
  assert.equal(sites.get('output.weight')!.rowsPerToken, 4096);
  assert.equal(sites.has('token_embd.weight.input'), false);
  for (const { id, uses } of sites.values()) assert.ok(uses.length > 0, id);
});

test('version 1 is read: formats, bits of inputs and formats of every block, shares of the prediction', () => {
  const prediction = { kl: 1, cacheKl: 0.25, activationKl: 0.5 };
  const plan = {
    ...{ version: 1, model: 'm', rounding: 'nearest', formats: { a: 'q8_0' }, activations: { a: 8 }, prediction },
    cache: { k: ['q8_0', 'F16'], v: ['Q4_0', 'Q4_0'] },
  };
  const read = readPlan(JSON.stringify(plan), 'plan.json');
  assert.deepEqual(read.sites, {
    ...{ a: 'Q8_0', 'a.input': 'a8' },
    ...{ 'blk.0.k': 'Q8_0', 'blk.1.k': 'F16', 'blk.0.v': 'Q4_0', 'blk.1.v': 'Q4_0' },
  });
  assert.deepEqual(read.prediction, { kl: 1, stateKl: 0.25, edgeKl: 0.5 });
  assert.deepEqual([read.version, read.model, read.rounding], [2, 'm', 'nearest']);
  assert.equal('formats' in read || 'cache' in read || 'activations' in read, false);
});

test('a plan that an earlier version remembered is answered by sites', async () => {
  const old = { version: 1, rounding: 'gptq', formats: { a: 'Q8_0' } };
  const memory = () => ({ get: async () => old as never, put: async () => {} });
  const runs = new RememberedRuns({ memory, exclusively: (_, work) => work() }, { rounding: 'gptq' });
  const found = await runs.plan({ budgets: { bytes: 1 }, rounding: 'gptq' });
  assert.deepEqual(found, { version: 2, rounding: 'gptq', sites: { a: 'Q8_0' } });
});

test('rejects plans of other versions and options that are none', () => {
  const read = (plan: object) => readPlan(JSON.stringify(plan), 'plan.json');
  const bad: readonly [object, RegExp][] = [
    [{ version: 3, sites: { a: 'Q8_0' } }, /version 3, expected 1 or 2/],
    [{ version: 2, sites: ['Q8_0'] }, /"sites" must map sites to their options/],
    [{ version: 2, sites: {} }, /has neither "sites" nor "default"/],
    [{ sites: { 'a.input': 'a2' } }, /plan.json: a.input: a2, expected a3 to a16/],
    [{ sites: { a: ['Q8_0', 'Q4_0'] } }, /a: one option for every expert; GGUF stores all in one format/],
    [{ sites: { a: 8 } }, /a: expected the name of a format/],
  ];
  for (const [plan, message] of bad)
    assert.throws(
      () => read(plan),
      (error) => error instanceof UsageError && message.test(error.message),
      message.source,
    );
  assert.deepEqual(read({ sites: { a: ['q8_0', 'q8_0'] } }).sites, { a: 'Q8_0' });
  assert.equal(bad.length, 6);
});
