import assert from 'node:assert/strict';
import { test } from 'node:test';
import { Random } from '../../src/core/random.ts';
import { checkExpertBudget, shareOfOthers, tokenRules } from '../../src/measure/expert-budget.ts';
import { learnedRules } from '../../src/measure/expert-learning.ts';
import { countTokens } from '../../src/measure/reach.ts';
import { type ExpertRule, withExpertRules } from '../../src/model/expert-rules.ts';
import type { Model } from '../../src/model/types.ts';
import { createSession } from '../../src/run/session.ts';
import { testKernels } from '../support/kernels.ts';
import { syntheticModel } from '../support/synthetic.ts';

const kernels = await testKernels();
const EXPERTS = 4;
const mixture = (used: number, overrides: Record<string, unknown> = {}): Promise<Model> =>
  syntheticModel('Qwen2MoeForCausalLM', {
    ...{ num_experts: EXPERTS, num_experts_per_tok: used, moe_intermediate_size: 32 },
    ...{ shared_expert_intermediate_size: 32, ...overrides },
  });
/** The model with weights of a token's experts divided by their sum, or not. */
function withNormalize(model: Model, normalize: boolean): Model {
  const nodes = model.graph.nodes.map((node) =>
    node.op === 'route' ? { ...node, attributes: { ...node.attributes, normalize } } : node,
  );
  return { ...model, graph: { ...model.graph, nodes } };
}

const random = new Random(5);
const text = (sequences: number, length: number) => ({
  ...{ sequences, length },
  ids: Int32Array.from({ length: sequences * length }, () => random.integer(4096)),
});
const ids = [...text(1, 9).ids];

async function logits(model: Model, tokens: readonly number[] = ids): Promise<Float32Array> {
  const session = await createSession(kernels.device, model, { contextLength: 32, exact: true });
  const found = Float32Array.from(await session.prefill(tokens));
  session.close();
  return found;
}

const all = (value: number, used: number): number[] => new Array<number>(used).fill(value);
const rule = (used: number, offset: number): ExpertRule => {
  return { ratios: all(0, used), levels: all(0, used), offsets: all(offset, used), biases: all(0, EXPERTS) };
};
const both = (one: ExpertRule): ExpertRule[] => [one, one];

test('a rule that keeps all experts changes no bit of the logits', async () => {
  const model = await mixture(3);
  assert.deepEqual(await logits(withExpertRules(model, both(rule(3, 1)))), await logits(model));
});

for (const normalize of [false, true])
  test(`with its first expert alone, ${normalize ? 'weights divided by their sum' : 'weights as they are'}, a model is the one that has one a token, to 1e-6`, async () => {
    const [three, one] = [await mixture(3), await mixture(1)].map((model) => withNormalize(model, normalize));
    const [found, expected] = [await logits(withExpertRules(three, both(rule(3, -1)))), await logits(one)];
    const largest = Math.max(...expected.map(Math.abs));
    for (const [i, value] of found.entries()) assert.ok(Math.abs(value - expected[i]) <= 1e-6 * largest);
    const whole = await logits(three);
    assert.ok(
      found.some((value, i) => Math.abs(value - whole[i]) > 1e-4 * largest),
      'the others do something',
    );
  });

test('token by token is the same as all at once, whatever each token keeps, to 1e-5', async () => {
  const model = await mixture(3);
  const pruned = withExpertRules(model, await tokenRules(kernels, model, text(4, 16), 0.6));
  const expected = await logits(pruned);
  const session = await createSession(kernels.device, pruned, { contextLength: 32, exact: true });
  let found: ArrayLike<number> = [];
  for (const id of ids) found = await session.decode(id);
  const largest = Math.max(...expected.map(Math.abs));
  for (const [i, value] of expected.entries()) assert.ok(Math.abs(value - found[i]) <= 1e-5 * largest);
  session.close();
});

/** Share of the experts that tokens keep in the first block. */
async function kept(model: Model, rules: readonly ExpertRule[], batch: ReturnType<typeof text>, used: number) {
  const [first, ...rest] = await countTokens(kernels, withExpertRules(model, rules), batch);
  const share = ({ tokens }: typeof first): number =>
    tokens.flat().reduce((sum, each) => sum + each, 0) / (used * batch.ids.length);
  return { first: share(first), rest: rest.map(share), tokens: first.tokens };
}

test('rules by token keep the share that is asked for: exactly in the first block, within 5 % in the next', async () => {
  const model = await mixture(3);
  const batch = text(6, 20);
  for (const share of [1, 0.8, 0.5, 1 / 3]) {
    const rules = await tokenRules(kernels, model, batch, share);
    const { first, rest } = await kept(model, rules, batch, 3);
    assert.ok(Math.abs(first - share) <= 1 / (3 * batch.ids.length), `${share}: ${first}`);
    assert.ok(rest.length === 1 && Math.abs(rest[0] - share) < 0.05, `${share}: ${rest}`);
  }
});

test('learned rules leave out an expert that does nothing rather than others, and keep the share within 5 %', async () => {
  const model = await mixture(3);
  const NOTHING = 2;
  const tensors = new Map(model.tensors);
  for (const tensor of model.tensors.values()) {
    if (tensor.role !== 'ffn_down_exps') continue;
    const [rows, columns] = tensor.shape;
    const each = (rows / EXPERTS) * columns;
    const load = async (start = 0, end = rows) => {
      const values = await tensor.load();
      values.fill(0, NOTHING * each, (NOTHING + 1) * each);
      return values.slice(start * columns, end * columns);
    };
    tensors.set(tensor.name, { ...tensor, load, loadBlocks: undefined });
  }
  const idle: Model = { ...model, tensors, fingerprint: async () => 'one expert idle' };
  const batch = text(12, 32);
  const rules = await learnedRules(kernels, idle, batch, 0.7, { seed: 1 });
  const { first, rest, tokens } = await kept(idle, rules, batch, 3);
  assert.ok(Math.abs((first + rest[0]) / 2 - 0.7) < 0.05, `${first}, ${rest}`);
  const before = (await countTokens(kernels, idle, batch))[0].tokens;
  const share = (expert: number): number =>
    (tokens[expert][0] + tokens[expert][1]) / (before[expert][0] + before[expert][1]);
  const others = [0, 1, 3].map(share);
  assert.ok(share(NOTHING) < Math.min(...others), `${share(NOTHING)} of the idle one, ${others} of the others`);
});

test('budgets that no token can keep are refused with what can be had', async () => {
  const model = await mixture(2);
  assert.throws(() => checkExpertBudget(model, 0.3), /found 0.3, expected 0.5 to 1: a token gets 2 experts/);
  assert.throws(() => checkExpertBudget(model, 1.2), /expected 0.5 to 1/);
  const dense = await syntheticModel('LlamaForCausalLM');
  assert.throws(() => checkExpertBudget(dense, 0.5), /has no experts/);
  assert.equal(shareOfOthers(0.75, 4), 2 / 3);
  assert.equal(shareOfOthers(1, 1), 1);
});
