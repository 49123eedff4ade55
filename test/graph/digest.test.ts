import assert from 'node:assert/strict';
import { test } from 'node:test';
import { GraphBuilder } from '../../src/graph/build.ts';
import { canonical, graphDigest } from '../../src/graph/digest.ts';
import { allRows, rewrite } from '../../src/graph/rewrite.ts';
import type { Attributes, Graph, Node, Value } from '../../src/graph/types.ts';
import type { Model } from '../../src/model/types.ts';
import { createSession } from '../../src/run/session.ts';
import { configs } from '../support/configs.ts';
import { testKernels } from '../support/kernels.ts';
import { syntheticModel } from '../support/synthetic.ts';

const architectures: Readonly<Record<string, Record<string, unknown>>> = {
  LlamaForCausalLM: {},
  Qwen2ForCausalLM: {},
  Qwen3ForCausalLM: {},
  Gemma3ForCausalLM: { ...configs.Gemma3ForCausalLM, num_hidden_layers: 2 },
  Qwen2MoeForCausalLM: configs.Qwen2MoeForCausalLM,
};
const models = () => Promise.all(Object.entries(architectures).map((entry) => syntheticModel(...entry)));
const tokens = Array.from({ length: 5 }, (_, i) => (i * 613 + 5) % 4096);

const copied = (graph: Graph): Graph => JSON.parse(JSON.stringify(graph)) as Graph;

async function logitsOf(model: Model): Promise<Float32Array> {
  const session = await createSession((await testKernels()).device, model, { contextLength: 8 });
  try {
    return await session.allLogits(tokens);
  } finally {
    session.close();
  }
}

/** Every name another one, every id another one, and a tensor that nothing reads. */
function disguised(graph: Graph): Graph {
  const shift = 3;
  const moved = (id: number): number => (id + shift) % (graph.values.length + 1);
  const values: Value[] = [];
  for (const [id, value] of graph.values.entries()) {
    if (value.source === 'input') values[moved(id)] = { ...value, name: `${value.name}?` };
    else if (value.source === 'weight') values[moved(id)] = { ...value, tensor: `${value.tensor}?` };
    else values[moved(id)] = value;
  }
  values[moved(graph.values.length)] = { source: 'weight', tensor: 'unread', type: 'f32', shape: [1] };
  const named = (attributes: Attributes): Attributes => {
    const entries = Object.entries(attributes).reverse();
    return Object.fromEntries(entries.map(([key, value]) => [key, key === 'state' ? `${value}?` : value]));
  };
  return {
    values,
    nodes: graph.nodes.map(({ op, inputs, outputs, attributes }) => ({
      op,
      inputs: inputs.map((id) => (id === null ? null : moved(id))),
      outputs: outputs.map(moved),
      attributes: named(attributes),
    })),
    outputs: graph.outputs.map(moved),
    cuts: graph.cuts,
  };
}

test('a graph read back from JSON has the same digest and the same logits, bit for bit', async () => {
  const digests = new Set<string>();
  for (const model of await models()) {
    const graph = copied(model.graph);
    assert.deepEqual(graph, model.graph);
    assert.equal(await graphDigest(graph), await graphDigest(model.graph));
    const logits = await logitsOf(model);
    assert.deepEqual(await logitsOf({ ...model, graph }), logits);
    assert.ok(logits.some((value) => value !== 0));
    digests.add(await graphDigest(graph));
  }
  assert.equal(digests.size, 5);
});

test('a digest does not depend on names, ids, the order of attributes, or what nothing reads', async () => {
  for (const { graph } of await models()) {
    const expected = await graphDigest(graph);
    assert.notDeepEqual(disguised(graph), graph);
    assert.equal(await graphDigest(disguised(graph)), expected);
    assert.equal(await graphDigest(rewrite(graph, () => undefined)), expected);
    assert.notEqual(await graphDigest(allRows(graph)), expected);
  }
});

/** The graph with one thing changed, for everything but names. */
function* changed(graph: Graph): Generator<Graph> {
  const withNode = (index: number, change: Partial<Node>): Graph => {
    return { ...graph, nodes: graph.nodes.with(index, { ...graph.nodes[index], ...change }) };
  };
  const withValue = (id: number, change: object): Graph => {
    return { ...graph, values: graph.values.with(id, { ...graph.values[id], ...change }) };
  };
  for (const [index, { op, inputs, attributes }] of graph.nodes.entries()) {
    yield withNode(index, { op: `${op}?` });
    for (const [i, id] of inputs.entries()) yield withNode(index, { inputs: inputs.with(i, id === 0 ? 1 : 0) });
    for (const key of Object.keys(attributes))
      if (key !== 'state') yield withNode(index, { attributes: { ...attributes, [key]: 'other' } });
    yield withNode(index, { attributes: { ...attributes, more: 1 } });
  }
  for (const [id, value] of graph.values.entries()) {
    if (value.source === 'node') continue;
    yield withValue(id, { shape: [...value.shape, 1] });
    yield withValue(id, { type: 'u8' });
    if (value.source === 'constant') yield withValue(id, { recipe: { ...value.recipe, magnitude: 2 } });
  }
  yield { ...graph, cuts: graph.cuts.slice(1) };
  yield { ...graph, outputs: [...graph.outputs, ...graph.outputs] };
}

test('a digest depends on every op, edge, shape, constant, attribute, cut and output', async () => {
  const { graph } = await syntheticModel('LlamaForCausalLM', { num_hidden_layers: 1 });
  const expected = await graphDigest(graph);
  let changes = 0;
  for (const other of changed(graph)) {
    assert.notEqual(await graphDigest(other), expected, `change ${changes}`);
    changes++;
  }
  assert.ok(changes > 80, `${changes} changes`);
});

test('tensors and states that are shared are told from ones that are not', async () => {
  const digest = async (tensors: [string, string], states: [string, string]): Promise<string> => {
    const build = new GraphBuilder();
    let x = build.input('x', 'f32', [{ of: 'tokens', times: 1 }, 4]);
    for (const i of [0, 1]) {
      x = build.node('linear', [x, build.weight(tensors[i], [4, 4])]);
      x = build.node('cache', [x], { state: states[i], kind: 'k', headDim: 4 });
    }
    return await graphDigest(build.finish([x]));
  };
  const apart = await digest(['a', 'b'], ['s', 't']);
  assert.equal(await digest(['b', 'a'], ['t', 's']), apart);
  const [tied, shared] = [await digest(['a', 'a'], ['s', 't']), await digest(['a', 'b'], ['s', 's'])];
  assert.equal(new Set([apart, tied, shared]).size, 3);
});

test('rejects attributes that JSON would turn into something else', () => {
  const build = new GraphBuilder();
  const x = build.node('scale', [build.input('x', 'f32', [1])], { factor: Number.NaN });
  assert.throws(() => canonical(build.finish([x])), /attribute is NaN/);
});
