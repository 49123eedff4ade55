import assert from 'node:assert/strict';
import { test } from 'node:test';
import { rewrite } from '../../src/graph/rewrite.ts';
import type { Attributes, Graph, Node } from '../../src/graph/types.ts';
import type { Model } from '../../src/model/types.ts';
import { createSession } from '../../src/run/session.ts';
import { testKernels } from '../support/kernels.ts';
import { syntheticModel } from '../support/synthetic.ts';

/*
 * What `test/run/peer.test.ts` holds to 1e-3 of the largest logit would be seen there if it were missing: without any one
 * attribute, logits move by at least ten of those bounds.
 */
const MOVED = 1e-2;

const tokens = Array.from({ length: 64 }, (_, i) => (i * 613 + 12) % 4096);

const gemma3 = {
  hidden_activation: 'gelu_pytorch_tanh',
  hidden_act: undefined,
  head_dim: 32,
  num_hidden_layers: 7,
  num_key_value_heads: 1,
  sliding_window: 16,
  query_pre_attn_scalar: 64,
  rope_theta: 1000000,
  tie_word_embeddings: true,
};
const qwen2moe = {
  num_experts: 6,
  num_experts_per_tok: 2,
  moe_intermediate_size: 48,
  shared_expert_intermediate_size: 64,
};

/** The graph with some nodes' attributes changed. */
function changed(graph: Graph, op: string, attributes: Attributes): Graph {
  return rewrite(graph, (node, inputs, build) =>
    node.op === op ? build.nodes(op, inputs, { ...node.attributes, ...attributes }) : undefined,
  );
}

/** The graph without some nodes: what they read takes their place. */
function without(graph: Graph, isGone: (node: Node, weight: string) => boolean): Graph {
  return rewrite(graph, (node, inputs) => {
    const weight = node.inputs
      .map((id) => (id === null ? undefined : graph.values[id]))
      .find((v) => v?.source === 'weight');
    return isGone(node, weight?.source === 'weight' ? weight.tensor : '') ? [inputs[0]!] : undefined;
  });
}

/** The table of RoPE of every other kind of blocks in the place of one. */
function oneTable(graph: Graph): Graph {
  const tables = [...new Set(graph.nodes.filter(({ op }) => op === 'rope').map(({ inputs }) => inputs[2]!))];
  assert.equal(tables.length, 2);
  const swapped = graph.nodes.map((node) =>
    node.op === 'rope' ? { ...node, inputs: [...node.inputs.slice(0, 2), tables[0]] } : node,
  );
  return { ...graph, nodes: swapped };
}

async function logitsOf(model: Model, graph: Graph): Promise<Float32Array> {
  const { device } = await testKernels();
  const session = await createSession(device, { ...model, graph }, { contextLength: 80, exact: true });
  const logits = await session.allLogits(tokens);
  session.close();
  return logits;
}

async function assertAllMove(model: Model, variants: Readonly<Record<string, Graph>>, expected: number): Promise<void> {
  const whole = await logitsOf(model, model.graph);
  const largest = whole.reduce((most, value) => Math.max(most, Math.abs(value)), 0);
  let moved = 0;
  for (const [name, graph] of Object.entries(variants)) {
    const other = await logitsOf(model, graph);
    const worst = other.reduce((most, value, i) => Math.max(most, Math.abs(value - whole[i])), 0);
    assert.ok(worst >= MOVED * largest, `without ${name} logits move by ${(worst / largest).toExponential(1)} alone`);
    moved++;
  }
  assert.equal(moved, expected);
}

test('gemma3: without any one of nine attributes logits move by at least 0.01 of the largest', async () => {
  const model = await syntheticModel('Gemma3ForCausalLM', gemma3);
  const { graph } = model;
  const variants = {
    windows: changed(graph, 'attention', { window: null }),
    'the base of blocks that slide': oneTable(graph),
    'the scale of attention': changed(graph, 'attention', { scale: null }),
    'the scale of the embedding': without(graph, ({ op }) => op === 'scale'),
    'norms of queries': without(graph, ({ op }, weight) => op === 'rmsNorm' && weight.includes('attn_q_norm')),
    'norms of keys': without(graph, ({ op }, weight) => op === 'rmsNorm' && weight.includes('attn_k_norm')),
    'norms behind attention': without(graph, (_, weight) => weight.includes('post_attention_norm')),
    'norms behind feed-forward': without(graph, (_, weight) => weight.includes('post_ffw_norm')),
    GELU: changed(graph, 'gated', { activation: 'silu' }),
  };
  await assertAllMove(model, variants, 9);
});

test('qwen2moe: without any one of four attributes logits move by at least 0.01 of the largest', async () => {
  const model = await syntheticModel('Qwen2MoeForCausalLM', qwen2moe);
  const { graph } = model;
  const variants = {
    biases: without(graph, ({ op }) => op === 'addBias'),
    'weights that do not sum to 1': changed(graph, 'route', { normalize: true }),
    'the gate of the shared expert': without(graph, ({ op }) => op === 'scaleRows'),
    'routed experts': withoutRouted(graph),
  };
  await assertAllMove(model, variants, 4);
});

/** Shared experts alone. */
function withoutRouted(graph: Graph): Graph {
  const combined = new Set(graph.nodes.filter(({ op }) => op === 'combine').map(({ outputs }) => outputs[0]));
  return without(graph, ({ op, inputs }) => op === 'add' && combined.has(inputs[1]!));
}
