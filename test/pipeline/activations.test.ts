import assert from 'node:assert/strict';
import { join } from 'node:path';
import { test } from 'node:test';
import { activationMetadata, activationsFromGguf, withActivationBits } from '../../src/model/activation-bits.ts';
import { bitsOf, edgeOf, isEdgeOption } from '../../src/model/edge-options.ts';
import { openModel } from '../../src/model/open.node.ts';
import { bitsPerWeight, format } from '../../src/numeric/table.ts';
import { nodeHost } from '../../src/pipeline/host/node.ts';
import { readPlan } from '../../src/pipeline/plan/plan-file.ts';
import { quantizeModel } from '../../src/pipeline/quantize.ts';
import type { QuantizeOptions } from '../../src/pipeline/quantize-options.ts';
import { syntheticModel } from '../support/synthetic.ts';
import { quickOptions, smallModelFile, temporaryFolder } from './support.ts';

test('bits of activations are chosen within bit operations, counted truly, written into the file and verified with', async (context) => {
  const folder = await temporaryFolder(context);
  const source = await smallModelFile(folder);
  const output = join(folder, 'out.gguf');
  const quantize = async (target: QuantizeOptions['target'], activations?: readonly number[]) =>
    quantizeModel(nodeHost, await openModel(source), {
      ...quickOptions(folder),
      target,
      activations,
      palette: ['Q8_0', 'Q4_0'],
    });
  const plain = await quantize({ kind: 'budgets', wishes: { bitsPerWeight: 8.6 } });
  const bops = Math.floor(plain.plan.prediction!.costs!['bops'] / 2.3);
  const { plan, evaluation, fileBytes } = await quantize({ kind: 'budgets', wishes: { bops } }, [16, 8, 6, 4]);
  const written = await openModel(output);
  const edges = Object.entries(plan.sites).filter(([, option]) => isEdgeOption(option));
  assert.deepEqual(written.roundings, new Map(edges));
  const counted = [...written.tensors.values()]
    .filter(({ name }) => edgeOf(name) in plan.sites)
    .map(({ name, shape: [rows, columns] }) => {
      const bits = bitsPerWeight(format(plan.sites[name])) * bitsOf(plan.sites[edgeOf(name)], name);
      return Math.ceil(bits * rows * columns);
    })
    .reduce((sum, count) => sum + count, 0);
  await written.close();
  assert.equal(edges.length, 15, 'all but the embedding, which is looked up');
  assert.equal(plan.prediction!.costs!['bops'], counted);
  assert.ok(counted <= bops && counted > 0.9 * bops, `${counted} of ${bops}`);
  assert.equal(fileBytes, plan.prediction!.fileBytes);
  assert.ok(plan.prediction!.edgeKl! > 0 && plan.prediction!.edgeKl! < plan.prediction!.kl);

  const weights = {
    ...plan,
    sites: Object.fromEntries(Object.entries(plan.sites).filter(([, o]) => !isEdgeOption(o))),
  };
  const alone = await quantize({ kind: 'plan', plan: weights });
  assert.ok(alone.evaluation!.kl.mean < evaluation!.kl.mean);
  const wrong = { ...weights, sites: { ...weights.sites, 'blk.9.attn_q.weight.input': 'a8' } };
  await assert.rejects(
    quantize({ kind: 'plan', plan: wrong }),
    /names blk.9.attn_q.weight.input, and the model has no such site/,
  );
  const few = { ...weights, sites: { ...weights.sites, 'blk.0.attn_q.weight.input': 'a1' } };
  await assert.rejects(quantize({ kind: 'plan', plan: few }), /blk.0.attn_q.weight.input: a1, expected a3 to a16/);
  assert.throws(
    () => readPlan('{"default":"Q8_0","activations":[8]}', 'p'),
    /"activations" must map tensor names to bits/,
  );
});

test('rejects files with another number of widths than matrices, or impossible ones', async () => {
  const model = await syntheticModel('LlamaForCausalLM');
  const { roundings } = withActivationBits(model, 6);
  const read = (value: unknown) => activationsFromGguf(new Map([['bitbudget.activation_bits', value]]), model);
  const good = activationMetadata(model, roundings!).get('bitbudget.activation_bits')!.value as number[];
  assert.deepEqual(read(good), roundings);
  assert.equal(activationsFromGguf(new Map(), model), undefined);
  assert.throws(() => read(good.slice(1)), /must list 16 numbers, one per matrix/);
  assert.throws(() => read(8), /must list 16 numbers/);
  assert.throws(() => read(good.with(3, 17)), /has 17 bits, expected 3 to 16, or 0/);
  assert.throws(() => read(good.map(String)), /has 0 bits/);
});
