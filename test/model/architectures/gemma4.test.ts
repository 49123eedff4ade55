import assert from 'node:assert/strict';
import { mkdtemp, rm } from 'node:fs/promises';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { test } from 'node:test';
import { fileSink } from '../../../src/container/node.ts';
import { writeModelGguf } from '../../../src/model/write-gguf.ts';
import { changed, comparedTokens, logitsOf, testArchitecture, without } from '../../support/architecture.ts';
import { configs } from '../../support/configs.ts';
import { openPeer } from '../../support/peer.ts';
import { syntheticModel } from '../../support/synthetic.ts';

const { num_kv_shared_layers: _, use_double_wide_mlp: __, ...plain } = configs.Gemma4ForCausalLM;

testArchitecture({
  name: 'gemma4',
  huggingFace: 'Gemma4ForCausalLM',
  fields: configs.Gemma4ForCausalLM,
  // As above. and sharp attention carries that on.
  bound: 5e-3,
  variants: (graph) => ({
    windows: changed(graph, 'attention', { window: null }),
    'the scale of attention': changed(graph, 'attention', { scale: 0.25 }),
    'norms of queries': without(graph, (_, weight) => weight.includes('attn_q_norm')),
    'norms of keys': without(graph, (_, weight) => weight.includes('attn_k_norm')),
    'norms of values': without(graph, ({ op }, weight) => op === 'rmsNorm' && weight === ''),
    'inputs of every block’s own': changed(graph, 'columns', { start: 0 }),
    'norms behind them': without(graph, (_, weight) => /\d\.post_norm/.test(weight)),
    'factors of blocks': without(graph, ({ op }) => op === 'scaleColumns'),
    'the cap of logits': without(graph, ({ op }) => op === 'activate'),
  }),
});

const experts = {
  ...plain,
  hidden_size_per_layer_input: 0,
  attention_k_eq_v: true,
  num_global_key_value_heads: 1,
  enable_moe_block: true,
  num_experts: 6,
  top_k_experts: 2,
  moe_intermediate_size: 32,
};

testArchitecture({
  name: 'gemma4 with experts',
  huggingFace: 'Gemma4ForCausalLM',
  fields: experts,
  // Judged below: where activations are rounded, routers of random weights choose others.
  bound: null,
  // Farther away, tokens go to other experts.
  step: 1e-5,
  variants: (graph) => ({
    'factors of experts': without(graph, ({ op }) => op === 'groupedScale'),
    'norms behind experts': without(graph, (_, weight) => weight.includes('post_ffw_norm_2')),
    'norms before experts': without(graph, (_, weight) => weight.includes('pre_ffw_norm_2')),
    'norms behind the dense part': without(graph, (_, weight) => weight.includes('post_ffw_norm_1')),
    'factors of what routers read': without(graph, (_, weight) => weight.includes('ffn_gate_inp.scale')),
  }),
});

test('gemma4 with experts: logits are llama.cpp’s to 5e-3 of the largest', async (t) => {
  const peer = await openPeer();
  if (typeof peer === 'string') return void t.skip(peer);
  const folder = await mkdtemp(join(tmpdir(), 'bitbudget-gemma4-'));
  try {
    const model = await syntheticModel('Gemma4ForCausalLM', experts);
    const path = join(folder, 'f32.gguf');
    await writeModelGguf(model, await fileSink(path), { formatOf: () => 'F32' });
    const [ours, theirs] = [await logitsOf(model), await peer.logits(path, comparedTokens)];
    const largest = ours.reduce((most, value) => Math.max(most, Math.abs(value)), 0);
    const worst = ours.reduce((most, value, i) => Math.max(most, Math.abs(value - theirs[i])), 0);
    assert.equal(ours.length, theirs.length);
    t.diagnostic(`largest difference ${(worst / largest).toExponential(2)} of the largest logit`);
    assert.ok(worst <= 5e-3 * largest, `largest difference ${worst / largest} of the largest logit`);
  } finally {
    await peer.close();
    await rm(folder, { recursive: true });
  }
});
