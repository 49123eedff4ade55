import assert from 'node:assert/strict';
import { mkdtemp, rm } from 'node:fs/promises';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { test } from 'node:test';
import { fileSink } from '../../../src/container/node.ts';
import { openModel } from '../../../src/model/open.node.ts';
import { writeModelGguf } from '../../../src/model/write-gguf.ts';
import { changed, comparedTokens, logitsOf, testArchitecture, without } from '../../support/architecture.ts';
import { configs } from '../../support/configs.ts';
import { openPeer } from '../../support/peer.ts';
import { syntheticModel } from '../../support/synthetic.ts';

testArchitecture({
  name: 'qwen35',
  huggingFace: 'Qwen3_5ForCausalLM',
  fields: configs.Qwen3_5ForCausalLM,
  variants: (graph) => ({
    convolutions: without(graph, ({ op }) => op === 'shortConv'),
    'the delta rule': changed(graph, 'linearAttention', { delta: false }),
    'keys in turns': changed(graph, 'linearAttention', { tiled: false }),
    'the scale of queries': changed(graph, 'linearAttention', { scale: 1 }),
    'rates of forgetting': without(graph, ({ op }) => op === 'scaleColumns'),
    'biases of time steps': without(graph, ({ op }) => op === 'addBias'),
    'norms behind the recurrence': without(graph, ({ op }, weight) => op === 'rmsNorm' && weight.includes('ssm_norm')),
    'gates of attention': without(graph, ({ op }) => op === 'multiply'),
    positions: without(graph, ({ op }) => op === 'rope'),
    'norms of queries': without(graph, ({ op }, weight) => op === 'rmsNorm' && weight.includes('attn_q_norm')),
    'norms of keys': without(graph, ({ op }, weight) => op === 'rmsNorm' && weight.includes('attn_k_norm')),
  }),
});

test('qwen35: a block that predicts further tokens is kept as it is, told, and no layer', async () => {
  const fields = { ...configs.Qwen3_5ForCausalLM, mtp_num_hidden_layers: 1 };
  const model = await syntheticModel('Qwen3_5ForCausalLM', fields);
  const folder = await mkdtemp(join(tmpdir(), 'bitbudget-next-'));
  try {
    const path = join(folder, 'q8.gguf');
    await writeModelGguf(model, await fileSink(path), { formatOf: () => 'Q8_0' });
    const file = await openModel(path);
    for (const { config, tensors, remarks } of [model, file]) {
      assert.equal(config.layers, 3);
      assert.deepEqual(remarks, [
        'the block that predicts further tokens (15 tensors) kept as the source has them, in F32',
      ]);
      assert.equal([...tensors.values()].filter((tensor) => tensor.kept).length, 15);
    }
    const name = 'blk.3.nextn.eh_proj.weight';
    assert.deepEqual(await file.tensors.get(name)!.load(), await model.tensors.get(name)!.load());
    assert.equal(file.tensors.get('blk.3.attn_q.weight')!.format, 'F32');
    assert.equal(file.metadata.get('qwen35.nextn_predict_layers')?.value, 1);
    assert.equal(file.metadata.get('qwen35.block_count')?.value, 4);
    const whole = await logitsOf(await syntheticModel('Qwen3_5ForCausalLM', configs.Qwen3_5ForCausalLM));
    assert.deepEqual(await logitsOf(model), whole);
    const peer = await openPeer();
    if (typeof peer !== 'string') {
      const [theirs, ours] = [await peer.logits(path, comparedTokens), await logitsOf(file, false)];
      const largest = whole.reduce((most, value) => Math.max(most, Math.abs(value)), 0);
      const away = theirs.reduce((most, value, i) => Math.max(most, Math.abs(value - ours[i])), 0);
      assert.ok(away < 0.2 * largest, `${away} away from llama.cpp’s`);
      await peer.close();
    }
    await file.close();
  } finally {
    await rm(folder, { recursive: true });
  }
});
