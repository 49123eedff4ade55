import assert from 'node:assert/strict';
import { test } from 'node:test';
import { matrixKinds } from '../../src/graph/kinds.ts';
import { fusedGroups, normBefore, usesOf } from '../../src/graph/uses.ts';
import { cnn } from '../networks/build.ts';
import { syntheticModel } from '../support/synthetic.ts';

const gemma3 = { hidden_activation: 'gelu_pytorch_tanh', hidden_act: undefined, head_dim: 32 };
const qwen2moe = {
  num_experts: 4,
  num_experts_per_tok: 2,
  moe_intermediate_size: 32,
  shared_expert_intermediate_size: 32,
};

test('the graph tells what matrices are, which norm feeds them and what is fused, in five families', async () => {
  const kinds = [
    'LlamaForCausalLM',
    'Qwen2ForCausalLM',
    'Qwen3ForCausalLM',
    'Gemma3ForCausalLM',
    'Qwen2MoeForCausalLM',
  ];
  for (const kind of kinds) {
    const extra = kind.startsWith('Gemma') ? gemma3 : kind.startsWith('Qwen2Moe') ? qwen2moe : {};
    const { graph } = await syntheticModel(kind, { ...extra, tie_word_embeddings: kind.startsWith('Gemma') });
    const found = matrixKinds(graph);
    for (const [name, told] of found) {
      const expected = /^token_embd/.test(name)
        ? 'embedding'
        : /^output/.test(name)
          ? 'head'
          : /attn_(q|k|v|output)/.test(name)
            ? 'attention'
            : 'feedForward';
      assert.equal(told, expected, `${kind}: ${name}`);
    }
    const fused = fusedGroups(graph).map((names) => names.map((name) => name.replace('.weight', '')).join(' '));
    assert.ok(fused.includes('blk.1.attn_q blk.1.attn_k blk.1.attn_v'), `${kind}: ${fused.join('; ')}`);
    const use = usesOf(graph).find(({ tensor }) => tensor === 'blk.1.attn_k.weight')!;
    assert.equal(normBefore(graph, use), 'blk.1.attn_norm.weight');
    const output = usesOf(graph).find(({ tensor }) => tensor === 'blk.1.attn_output.weight')!;
    assert.equal(normBefore(graph, output), undefined);
  }
});

test('of a network without attention, the matrix before the output is its head', () => {
  assert.deepEqual(Object.fromEntries(matrixKinds(cnn(false))), {
    ...{ 'a.weight': 'feedForward', 'b.weight': 'feedForward', 'c.weight': 'feedForward', 'd.weight': 'feedForward' },
    'head.weight': 'head',
  });
});
