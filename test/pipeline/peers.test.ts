import assert from 'node:assert/strict';
import { stat } from 'node:fs/promises';
import { join } from 'node:path';
import { test } from 'node:test';
import { openModel } from '../../src/model/open.node.ts';
import { nodeHost } from '../../src/pipeline/host/node.ts';
import { RECIPES, recipePlan } from '../../src/pipeline/peers/recipe.ts';
import { uniformPlan } from '../../src/pipeline/plan/plan-file.ts';
import { type QuantizeResult, quantizeModel } from '../../src/pipeline/quantize.ts';
import type { QuantizeOptions } from '../../src/pipeline/quantize-options.ts';
import { solveFor } from '../../src/pipeline/solve.ts';
import { holdOut } from '../../src/pipeline/texts.ts';
import { syntheticModel } from '../support/synthetic.ts';
import { quickOptions, randomTokens, smallModelFile, temporaryFolder } from './support.ts';

test('Q4_K_M as llama-quantize makes it: more bits for values and down-projections of some blocks, and for the head', async () => {
  const wide = { hidden_size: 256, intermediate_size: 512, num_hidden_layers: 16 };
  const model = await syntheticModel('LlamaForCausalLM', { ...wide, tie_word_embeddings: false });
  const { sites } = recipePlan(model, RECIPES.find(({ name }) => name === 'Q4_K_M')!);
  const generous = Array.from({ length: 16 }, (_, layer) => layer).filter(
    (layer) => sites[`blk.${layer}.ffn_down.weight`] === 'Q6_K',
  );
  // The first and last eighth, and every third between them.
  assert.deepEqual(generous, [0, 1, 4, 7, 10, 13, 14, 15]);
  for (let layer = 0; layer < 16; layer++) {
    assert.equal(sites[`blk.${layer}.attn_v.weight`], generous.includes(layer) ? 'Q6_K' : 'Q4_K');
    assert.equal(sites[`blk.${layer}.attn_q.weight`], 'Q4_K');
  }
  assert.equal(sites['output.weight'], 'Q6_K');
  assert.equal(sites['token_embd.weight'], 'Q4_K');
  const tied = await syntheticModel('LlamaForCausalLM', { ...wide, tie_word_embeddings: true });
  assert.equal(recipePlan(tied, RECIPES[0]).sites['token_embd.weight'], 'Q6_K');
});

test('rows that do not fill blocks of 256 get the types that llama-quantize puts in their place', async () => {
  const model = await syntheticModel('LlamaForCausalLM', { hidden_size: 64, intermediate_size: 96 });
  const { sites } = recipePlan(model, RECIPES[0]);
  assert.deepEqual(new Set(Object.values(sites)), new Set(['Q5_0', 'Q8_0']));
});

test('peers are told beside the result: predicted within a third of what they measure on random weights, and a file of its own KL', async (context) => {
  const folder = await temporaryFolder(context);
  const source = await smallModelFile(folder);
  const target = { kind: 'budgets', wishes: { bitsPerWeight: 6.5 } } as const;
  const options = { ...quickOptions(folder), target };
  const first = await quantizeModel(nodeHost, await openModel(source), {
    ...options,
    peers: { measure: false, models: [] },
  });
  const predicted = new Map(first.peers!.map((peer) => [peer.name, peer.predicted!.kl]));
  assert.deepEqual(first.peers!.map(({ kind }) => kind).sort(), ['llama-quantize', 'llama-quantize', 'one type']);
  const path = join(folder, 'have.gguf');
  const own = await quantizeModel(nodeHost, await openModel(source), { ...options, output: path });
  const have = { name: 'have.gguf', fileBytes: (await stat(path)).size, model: await openModel(path) };
  const second = await quantizeModel(nodeHost, await openModel(source), {
    ...options,
    output: join(folder, 'second.gguf'),
    peers: { measure: true, models: [have] },
  });
  let measured = 0;
  for (const { name, kind, measured: kl } of second.peers!) {
    if (kind === 'one type') continue;
    measured++;
    if (kind === 'file') assert.ok(Math.abs(kl!.mean / own.evaluation!.kl.mean - 1) < 1e-6, `${kl!.mean}`);
    else
      assert.ok(Math.abs(predicted.get(name)! / kl!.mean - 1) < 1 / 3, `${name}: ${predicted.get(name)}, ${kl!.mean}`);
  }
  assert.equal(measured, 3);
});

test('a type or a plan has the peers of a budget: predicted where the model was measured, measured on request in any case', async (context) => {
  const folder = await temporaryFolder(context);
  const source = await smallModelFile(folder);
  const run = async (
    target: QuantizeOptions['target'],
    rounding: 'gptq' | 'nearest',
    measure: boolean,
  ): Promise<QuantizeResult> =>
    await quantizeModel(nodeHost, await openModel(source), {
      ...quickOptions(folder),
      ...{ target, rounding, palette: undefined, peers: { measure, models: [] } },
    });
  const recipes = ({ peers = [] }: QuantizeResult) => peers.filter(({ kind }) => kind === 'llama-quantize');
  const budget = await run({ kind: 'budgets', wishes: { bitsPerWeight: 8 } }, 'gptq', true);
  const type = await run({ kind: 'plan', plan: uniformPlan('Q8_0', 'gptq') }, 'gptq', false);
  const expected = new Map(recipes(budget).map(({ name, predicted }) => [name, predicted!.kl]));
  assert.deepEqual([...expected.keys()].sort(), ['Q4_K_M', 'Q8_0']);
  for (const { name, predicted, measured } of recipes(type)) {
    assert.ok(Math.abs(predicted!.kl / expected.get(name)! - 1) < 0.05, `${name}: ${predicted!.kl}`);
    assert.equal(measured, undefined);
    expected.delete(name);
  }
  assert.equal(expected.size, 0);
  const nearest = await run({ kind: 'plan', plan: uniformPlan('Q4_0', 'nearest') }, 'nearest', true);
  assert.equal(nearest.measurement, undefined);
  const known = new Map(recipes(budget).map(({ name, measured }) => [name, measured!.mean]));
  for (const { name, measured, predicted } of recipes(nearest)) {
    assert.ok(Math.abs(measured!.mean / known.get(name)! - 1) < 0.02, `${name}: ${measured!.mean}, ${known.get(name)}`);
    assert.equal(predicted, undefined);
    known.delete(name);
  }
  assert.equal(known.size, 0);
});

test('plan and frontier say what quantize says of the same size', async (context) => {
  const folder = await temporaryFolder(context);
  const source = await smallModelFile(folder);
  const heldOut = async () => holdOut(randomTokens(8, 128, 2).ids, 128);
  const made = {
    ...{ folder, rounding: 'nearest' as const, threads: 1, calibration: async () => randomTokens(8, 32, 1) },
    evaluation: heldOut,
  };
  const wishes = { bitsPerWeight: 7 };
  const plan = async (asked: typeof wishes | undefined) =>
    await solveFor(nodeHost, await openModel(source), asked, made);
  const before = await plan(wishes);
  assert.equal(before.measured, undefined);
  assert.equal(before.plans[0].prediction!.corrected, false);
  const output = join(folder, 'out.gguf');
  const result = await quantizeModel(nodeHost, await openModel(source), {
    ...made,
    output,
    target: { kind: 'budgets', wishes },
    evaluationLength: 128,
  });
  const after = await plan(wishes);
  assert.deepEqual(after.plans[0].prediction, result.plan.prediction);
  assert.deepEqual(after.measured, result.evaluation);
  const other = await plan({ bitsPerWeight: 8 });
  assert.equal(other.plans[0].prediction!.corrected, true);
  const frontier = (await plan(undefined)).plans;
  const near = frontier.findLast(({ prediction }) => prediction!.fileBytes <= result.fileBytes)!.prediction!;
  assert.ok(
    near.corrected && near.kl / result.plan.prediction!.kl < 1.1 && near.kl >= 0.99 * result.plan.prediction!.kl,
  );
  const { low, high } = result.plan.prediction!.klInterval!;
  assert.ok(low < result.plan.prediction!.kl && high > result.plan.prediction!.kl);
});

test('a file tells what it is and where it comes from, its measured KL, and no number that is none', async (context) => {
  const folder = await temporaryFolder(context);
  const source = await smallModelFile(folder);
  const facts = {
    baseModel: 'someone/small',
    license: 'apache-2.0',
    calibration: { name: 'mine.txt', sha256: 'ab'.repeat(32) },
  };
  const options = {
    ...quickOptions(folder),
    facts,
    target: { kind: 'budgets', wishes: { bitsPerWeight: 7 } } as const,
  };
  const result = await quantizeModel(nodeHost, await openModel(source), options);
  const blind = await quantizeModel(nodeHost, await openModel(source), {
    ...options,
    evaluation: undefined,
    output: join(folder, 'blind.gguf'),
  });
  const read = async (path: string) => {
    const model = await openModel(path);
    const values = new Map([...model.metadata].map(([key, { value }]) => [key, value]));
    await model.close();
    return values;
  };
  const told = await read(options.output);
  assert.equal(told.get('general.quantized_by'), 'bitbudget');
  assert.match(String(told.get('bitbudget.version')), /^\d+\.\d+\.\d+$/);
  assert.equal(told.get('general.base_model.0.repo_url'), 'https://huggingface.co/someone/small');
  assert.equal(told.get('general.license'), 'apache-2.0');
  assert.equal(told.get('bitbudget.calibration.name'), 'mine.txt');
  assert.match(String(told.get('bitbudget.budget')), /^bytes=\d+$/);
  assert.equal(told.get('bitbudget.measured_kl'), Math.fround(result.evaluation!.kl.mean));
  const untold = await read(join(folder, 'blind.gguf'));
  assert.equal(untold.has('bitbudget.measured_kl'), false);
  assert.ok((untold.get('bitbudget.predicted_kl') as number) > 0);
  assert.equal(blind.plan.prediction!.fileBytes, blind.fileBytes);
  assert.equal(blind.plan.prediction!.corrected, false);
  for (const value of [...told.values(), ...untold.values()]) assert.ok(!Number.isNaN(value));
});
