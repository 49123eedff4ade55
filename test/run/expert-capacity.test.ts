import assert from 'node:assert/strict';
import { test } from 'node:test';
import { limitSlots } from '../../src/kernels/arrays/capacity.ts';
import { countTokens } from '../../src/measure/reach.ts';
import { withExpertCapacity } from '../../src/model/expert-rules.ts';
import { createSession } from '../../src/run/session.ts';
import { testKernels } from '../support/kernels.ts';
import { syntheticModel } from '../support/synthetic.ts';

const kernels = await testKernels();
const EXPERTS = 4;

/** Four tokens that all want expert 0 first, then one of the others; each expert has one place at factor 1. */
const logits = Float32Array.of(4, 3, 1, 0, 5, 1, 3, 0, 3, 2, 0, 1, 2, 0, 1, 1.5);
const ids = Int32Array.of(0, 0, 0, 0);
const weights = Float32Array.of(0.4, 0.5, 0.3, 0.2);
const none = { k: 1, experts: EXPERTS, factor: 1, reroute: false, fill: false, normalize: false };

function limited(rule: Partial<typeof none>) {
  const [keptIds, keptWeights] = [new Int32Array(8), new Float32Array(8)];
  limitSlots([logits, ids, weights], [keptIds, keptWeights], { ...none, ...rule });
  const rounded = [...keptWeights].map((weight) => Number(weight.toFixed(5)));
  return { ids: [...keptIds], weights: rounded };
}

test('an expert keeps its largest weights, the others are dropped', () => {
  assert.deepEqual(limited({}), { ids: [4, 4, 0, 4, 4, 4, 4, 4], weights: [0, 0, 0.5, 0, 0, 0, 0, 0] });
});

test('rerouted slots go to the token’s next expert that has a place, with its weight', () => {
  const { ids: found, weights: given } = limited({ reroute: true });
  // Token 0 takes expert 1, token 2 then 3, token 3 what is left.
  assert.deepEqual(found, [1, 4, 0, 4, 3, 4, 2, 4]);
  const expected = [0.4 * Math.exp(-1), 0, 0.5, 0, 0.3 * Math.exp(-2), 0, 0.2 * Math.exp(-1), 0];
  for (const [i, weight] of given.entries()) assert.ok(Math.abs(weight - expected[i]) < 1e-5, `${given}`);
});

test('places that are left go to the tokens that want the expert most', () => {
  const { ids: found, weights: given } = limited({ factor: 2, fill: true });
  // Two places each: tokens 1 and 0 keep expert 0; tokens want 1, 2, 1 and 3 next.
  assert.deepEqual(found, [0, 1, 0, 2, 4, 1, 4, 3]);
  assert.ok(Math.abs(given[1] - 0.4 * Math.exp(-1)) < 1e-5 && Math.abs(given[5] - 0.3 * Math.exp(-1)) < 1e-5);
});

test('with room for all a model is what it was, to the bit; filled or not, no expert gets more than its places', async () => {
  const model = await syntheticModel('Qwen2MoeForCausalLM', {
    ...{ num_experts: EXPERTS, num_experts_per_tok: 2, moe_intermediate_size: 32, shared_expert_intermediate_size: 32 },
  });
  const tokens = Array.from({ length: 24 }, (_, i) => (i * 97) % 4096);
  const logitsOf = async (factor: number): Promise<Float32Array> => {
    const limitedModel = withExpertCapacity(model, { factor, reroute: true, fill: false });
    const session = await createSession(kernels.device, factor === 0 ? model : limitedModel, {
      ...{ contextLength: 32, exact: true },
    });
    const found = Float32Array.from(await session.prefill(tokens));
    session.close();
    return found;
  };
  assert.deepEqual(await logitsOf(EXPERTS), await logitsOf(0));
  const batch = { sequences: 2, length: 24, ids: Int32Array.from([...tokens, ...tokens]) };
  const places = 24 * 2 * (1 / EXPERTS);
  const counted = async (reroute: boolean, fill: boolean) => {
    const blocks = await countTokens(kernels, withExpertCapacity(model, { factor: 1, reroute, fill }), batch);
    const all = blocks.flatMap((block) => block.tokens.flat());
    assert.ok(Math.max(...all) <= places, `${all}`);
    return all.reduce((sum, each) => sum + each, 0);
  };
  const [dropped, rerouted, filled] = [
    await counted(false, false),
    await counted(true, false),
    await counted(true, true),
  ];
  assert.ok(dropped < rerouted && rerouted <= filled, `${dropped}, ${rerouted}, ${filled}`);
});
