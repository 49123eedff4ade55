import assert from 'node:assert/strict';
import { mkdtemp, rm } from 'node:fs/promises';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { test } from 'node:test';
import type { GgufFile } from '../../../src/container/gguf/read.ts';
import { fileSink, openTensorFile } from '../../../src/container/node.ts';
import { modelFromTensorFile } from '../../../src/model/model.ts';
import { writeModelGguf } from '../../../src/model/write-gguf.ts';
import { changed, logitsOf, testArchitecture, without } from '../../support/architecture.ts';
import { configs } from '../../support/configs.ts';
import { syntheticConfig, syntheticFile, syntheticModel, tinyTokenizer } from '../../support/synthetic.ts';

testArchitecture({
  name: 'deepseek2',
  huggingFace: 'DeepseekV3ForCausalLM',
  fields: configs.DeepseekV3ForCausalLM,
  variants: (graph) => ({
    'the scale of attention': changed(graph, 'attention', { scale: 1 / Math.sqrt(48) }),
    RoPE: without(graph, ({ op }) => op === 'rope'),
    'norms of latent vectors': without(
      graph,
      ({ op }, weight) => op === 'rmsNorm' && weight.includes('attn_kv_a_norm'),
    ),
    'norms of compressed queries': without(graph, (_, weight) => weight.includes('attn_q_a_norm')),
    groups: changed(graph, 'route', { groups: 1, usedGroups: 1 }),
    'sigmoids of routers': changed(graph, 'route', { gating: 'softmax' }),
    'the factor of routed experts': changed(graph, 'route', { scale: 1 }),
    'weights that sum to 1': changed(graph, 'route', { normalize: false }),
  }),
});

test('deepseek2: a GGUF file of before 2025, with keys and values in one matrix, has the same logits and is written as today', async () => {
  const fields = configs.DeepseekV3ForCausalLM;
  const folder = await mkdtemp(join(tmpdir(), 'bitbudget-deepseek2-'));
  const model = await syntheticModel('DeepseekV3ForCausalLM', { ...fields });
  const path = join(folder, 'f32.gguf');
  await writeModelGguf(model, await fileSink(path), { formatOf: () => 'F32' });
  const file = (await openTensorFile(path)) as GgufFile;
  const checkpoint = syntheticFile(syntheticConfig('DeepseekV3ForCausalLM', { ...fields }));
  const tensors = new Map([...file.tensors].filter(([name]) => !/attn_[kv]_b\./.test(name)));
  for (let layer = 0; layer < fields.num_hidden_layers; layer++) {
    const name = `blk.${layer}.attn_kv_b.weight`;
    const both = checkpoint.tensors.get(`model.layers.${layer}.self_attn.kv_b_proj.weight`)!;
    const shape = [both.shape.slice(0, -1).reduce((product, size) => product * size, 1), both.shape.at(-1)!];
    tensors.set(name, { ...both, name, shape });
  }
  const old = { key_length: 48, value_length: 32, head_count_kv: 4 };
  const typedMetadata = new Map([...file.typedMetadata].filter(([key]) => !key.endsWith('_mla')));
  for (const [key, value] of Object.entries(old))
    typedMetadata.set(`deepseek2.attention.${key}`, { type: 'uint32', value });
  const metadata = new Map([...typedMetadata].map(([key, { value }]) => [key, value]));
  const legacy = await modelFromTensorFile({ ...file, tensors, typedMetadata, metadata } as GgufFile, {
    tokenizer: await tinyTokenizer(),
  });
  assert.deepEqual(await logitsOf(legacy), await logitsOf(model));
  for (const [key, value] of model.metadata)
    if (key.startsWith('deepseek2.attention.')) assert.deepEqual(legacy.metadata.get(key), value, key);
  await file.close();
  await rm(folder, { recursive: true });
});
