import assert from 'node:assert/strict';
import { test } from 'node:test';
import { Random } from '../../src/core/random.ts';
import { scoreModels } from '../../src/evaluate/evaluate.ts';
import { createReferenceKernels } from '../../src/kernels/reference/index.ts';
import { roundActivations } from '../../src/kernels/reference/packed.ts';
import { priceRunning } from '../../src/measure/running.ts';
import { sitesOf } from '../../src/model/sites.ts';
import type { Model } from '../../src/model/types.ts';
import { hiddenStates, openHead } from '../../src/run/forward.ts';
import { createSession } from '../../src/run/session.ts';
import { testKernels } from '../support/kernels.ts';
import { syntheticModel } from '../support/synthetic.ts';

const { roundToBits } = createReferenceKernels();

test('8 bits are what integer kernels round activations to, rounded values stay, 16 bits change nothing', () => {
  const random = new Random(1);
  const x = Float32Array.from({ length: 32 * 50 }, () => random.normal());
  const rounded = new Float32Array(x.length);
  roundToBits(x, 8, rounded);
  const kernel = roundActivations(x);
  const worst = rounded.reduce((most, value, i) => Math.max(most, Math.abs(value - kernel[i])), 0);
  assert.ok(worst < 1e-6, `largest difference ${worst}`);
  for (const bits of [8, 6, 4]) {
    roundToBits(x, bits, rounded);
    for (let from = 0; from < x.length; from += 32)
      assert.ok(new Set(rounded.subarray(from, from + 32)).size <= 2 ** bits - 1);
    const again = new Float32Array(x.length);
    roundToBits(rounded, bits, again);
    assert.ok(again.every((value, i) => Math.abs(value - rounded[i]) < 1e-6));
  }
  roundToBits(x, 16, rounded);
  assert.deepEqual(rounded, x);
  assert.ok(Number.isNaN(roundOne(Number.NaN)) && Number.isNaN(roundOne(Infinity)) && roundOne(0) === 0);

  function roundOne(value: number): number {
    const one = Float32Array.of(value);
    roundToBits(one, 8, one);
    return one[0];
  }
});

test('prices of rounded activations add up to the true KL within 20 %', async (t) => {
  const kernels = await testKernels();
  const model = await syntheticModel('LlamaForCausalLM');
  const [sequences, length] = [64, 32];
  const random = new Random(3);
  const ids = Int32Array.from({ length: sequences * length }, () => random.integer(4096));
  const edges = sitesOf(model).filter(({ kind }) => kind === 'edge');
  const sites = edges.map(({ id }) => ({ site: id, options: ['a8', 'a6', 'a4'] }));
  const prices = await priceRunning(kernels, model, { sequences, length, ids }, { sites, seed: 1 });
  assert.equal(prices.length, 7 * model.config.layers + 1);
  let compared = 0;
  for (const [i, bits] of [8, 6, 4].entries()) {
    const predicted = prices.reduce((sum, priced) => sum + priced.prices[i].loss, 0);
    const { kl } = await scoreModels(kernels, model, rounding(model, bits), ids, { length, firstScored: 0 });
    const truth = kl.reduce((sum, value) => sum + value, 0) / kl.length;
    t.diagnostic(`${bits} bits: predicted ${predicted.toExponential(2)}, true ${truth.toExponential(2)}`);
    assert.ok(Math.abs(predicted / truth - 1) < 0.2, `${bits} bits: ${predicted} predicted, ${truth} measured`);
    compared++;
  }
  assert.equal(compared, 3);
});

test('a session rounds activations as one pass over all tokens does', async () => {
  const kernels = await testKernels();
  const model = rounding(await syntheticModel('LlamaForCausalLM'), 6);
  const { vocabulary, hidden } = model.config;
  const tokens = Int32Array.from({ length: 6 }, (_, i) => 100 * i + 7);
  const session = await createSession(kernels.device, model, { contextLength: 8, exact: true });
  const decoded = Float32Array.from(await session.prefill(tokens));
  session.close();
  const states = await hiddenStates(kernels.device, model, { ids: tokens, sequences: 1, length: tokens.length });
  const head = await openHead(kernels.device, model);
  const [x, logits] = [kernels.upload(states.subarray(5 * hidden)), kernels.f32(vocabulary)];
  await head.logits(x, logits, 1);
  const worst = decoded.reduce((most, value, i) => Math.max(most, Math.abs(value - logits[i])), 0);
  assert.ok(worst < 1e-3, `largest difference ${worst}`);
  kernels.free(x, logits);
  head.close();
});

/** All matrices that are multiplied. */
function rounding(model: Model, bits: number): Model {
  const names = [...model.tensors.values()].filter(({ shape, role }) => shape.length === 2 && role !== 'token_embd');
  return { ...model, roundings: new Map(names.map(({ name }) => [`${name}.input`, `a${bits}`])) };
}
