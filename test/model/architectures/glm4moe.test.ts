import assert from 'node:assert/strict';
import { mkdtemp, rm } from 'node:fs/promises';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { test } from 'node:test';
import { fileSink } from '../../../src/container/node.ts';
import type { Graph } from '../../../src/graph/types.ts';
import { modelFromTensorFile } from '../../../src/model/model.ts';
import { openModel } from '../../../src/model/open.node.ts';
import { writeModelGguf } from '../../../src/model/write-gguf.ts';
import { changed, testArchitecture, without } from '../../support/architecture.ts';
import { configs } from '../../support/configs.ts';
import { memoryFile, syntheticConfig, syntheticFile, tinyTokenizer } from '../../support/synthetic.ts';

testArchitecture({
  name: 'glm4moe',
  huggingFace: 'Glm4MoeForCausalLM',
  fields: configs.Glm4MoeForCausalLM,
  variants: (graph) => ({
    biases: without(graph, ({ op }) => op === 'addBias'),
    'norms of queries': without(graph, ({ op }, weight) => op === 'rmsNorm' && weight.includes('attn_q_norm')),
    'norms of keys': without(graph, ({ op }, weight) => op === 'rmsNorm' && weight.includes('attn_k_norm')),
    'sigmoids of routers': changed(graph, 'route', { gating: 'softmax' }),
    'the bias of the choice': withoutBias(graph),
    'the factor of routed experts': changed(graph, 'route', { scale: 1 }),
    'weights that sum to 1': changed(graph, 'route', { normalize: false }),
  }),
});

/** Experts chosen by their gates alone. */
function withoutBias(graph: Graph): Graph {
  const nodes = graph.nodes.map((node) => (node.op === 'route' ? { ...node, inputs: [node.inputs[0], null] } : node));
  return { ...graph, nodes };
}

test('glm4moe: a block that predicts further tokens is no layer, and is told where it is left out, folder and GGUF', async () => {
  const fields = { ...configs.Glm4MoeForCausalLM, num_hidden_layers: 2, num_nextn_predict_layers: 1 };
  const config = syntheticConfig('Glm4MoeForCausalLM', fields);
  const rows = { shape: [64, 128], values: new Float32Array(64 * 128) };
  const extra = memoryFile(new Map([['model.layers.2.eh_proj.weight', rows]]));
  const plain = syntheticFile(config);
  const file = { ...plain, tensors: new Map([...plain.tensors, ...extra.tensors]) };
  const model = await modelFromTensorFile(file, { tokenizer: await tinyTokenizer(), config });
  const told = /the block that predicts further tokens \(.*eh_proj\.weight and 0 more tensors\) left out/;
  assert.equal(model.config.layers, 2);
  assert.equal(model.metadata.get('glm4moe.block_count')?.value, 2);
  assert.match(model.remarks!.join('\n'), told);

  // As llama.cpp's converter writes it: counted among the blocks, and named.
  const metadata = new Map(model.metadata)
    .set('glm4moe.block_count', { type: 'uint32', value: 3 })
    .set('glm4moe.nextn_predict_layers', { type: 'uint32', value: 1 });
  const block = { name: 'blk.2.nextn.eh_proj.weight', role: 'nextn', layer: 2, shape: rows.shape, format: 'F32' };
  const tensors = new Map([...model.tensors, [block.name, { ...block, load: async () => rows.values }] as const]);
  const folder = await mkdtemp(join(tmpdir(), 'bitbudget-next-'));
  const path = join(folder, 'next.gguf');
  await writeModelGguf({ ...model, tensors, metadata }, await fileSink(path), { formatOf: () => 'F32' });
  const reopened = await openModel(path);
  assert.equal(reopened.config.layers, 2);
  assert.equal(reopened.metadata.get('glm4moe.block_count')?.value, 2);
  assert.equal(reopened.metadata.has('glm4moe.nextn_predict_layers'), false);
  assert.match(reopened.remarks!.join('\n'), told);
  assert.deepEqual([...reopened.tensors.keys()], [...model.tensors.keys()]);
  await reopened.close();
  await rm(folder, { recursive: true });
});
