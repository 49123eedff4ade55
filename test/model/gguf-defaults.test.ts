import assert from 'node:assert/strict';
import { test } from 'node:test';
import { configFromGguf } from '../../src/model/config-gguf.ts';
import type { ModelConfig } from '../../src/model/types.ts';
import { configs } from '../support/configs.ts';
import { memoryFile, syntheticModel } from '../support/synthetic.ts';

/* Files lack keys that their architecture has a default for: the same model must come out. */

/** The config of a model's own metadata without some keys, those of `more` in their place. */
async function reread(
  name: keyof typeof configs,
  without: readonly string[],
  more: Readonly<Record<string, unknown>> = {},
): Promise<{ given: ModelConfig; found: ModelConfig }> {
  const model = await syntheticModel(name, { ...configs[name], ...more });
  const { config } = model;
  const gone = new Set(without.map((key) => `${config.architecture}.${key}`));
  for (const key of gone) assert.ok(model.metadata.has(key), `${key} is written`);
  const metadata = new Map(
    [...model.metadata].filter(([key]) => !gone.has(key)).map(([key, { value }]) => [key, value]),
  );
  const tensors = new Map([...model.tensors].map(([key, { shape }]) => [key, { shape, values: new Float32Array(0) }]));
  const found = configFromGguf({ ...memoryFile(tensors), container: 'gguf', metadata } as Parameters<
    typeof configFromGguf
  >[0]);
  return { given: config, found };
}

test('Gemma 2 caps scores at 50 and logits at 30, and slides in every other block, where a file does not say', async () => {
  const caps = { attn_logit_softcapping: undefined, final_logit_softcapping: undefined, sliding_window: 16 };
  const keys = ['attn_logit_softcapping', 'final_logit_softcapping', 'attention.sliding_window_pattern'];
  const { given, found } = await reread('Gemma2ForCausalLM', keys, caps);
  assert.deepEqual(found.softcaps, { attention: 50, logits: 30 });
  assert.deepEqual(found.softcaps, given.softcaps);
  assert.deepEqual(found.window, { tokens: 16, layers: [true, false, true, false] });
  assert.deepEqual(found.window, given.window);
});

test('OLMo 3 slides in three of four blocks and rotates them unscaled, where a file names the window alone', async () => {
  const { given, found } = await reread('Olmo3ForCausalLM', ['attention.sliding_window_pattern']);
  assert.deepEqual(found.window, { tokens: 16, layers: [true, true, true, false] });
  assert.deepEqual(found.slidingRope, { ...given.rope, scaling: undefined });
  assert.equal(found.rope.scaling?.type, 'yarn');
});

test('GLM-4.5 routes by sigmoids where a file does not name its gating, and experts keep factor, norm and dense blocks', async () => {
  const { given, found } = await reread('Glm4MoeForCausalLM', ['expert_gating_func']);
  assert.deepEqual(found.experts, given.experts);
  assert.deepEqual(found.experts?.layers, [false, true, true]);
  assert.equal(found.experts?.gating, 'sigmoid');
});

test('experts of Qwen3 share the dense width where a file does not name theirs', async () => {
  const { found } = await reread('Qwen3MoeForCausalLM', ['expert_feed_forward_length'], { intermediate_size: 128 });
  assert.equal(found.experts?.feedForward, 128 / 2);
});

test('every fourth block of SmolLM3 does not look at positions; a config.json that says otherwise is refused', async () => {
  const { found } = await reread('SmolLM3ForCausalLM', []);
  assert.deepEqual(found.ropeLayers, [true, true, true, false]);
  await assert.rejects(
    syntheticModel('SmolLM3ForCausalLM', { ...configs.SmolLM3ForCausalLM, no_rope_layers: [1, 1, 0, 1] }),
    /no_rope_layers is not every fourth block, which GGUF cannot say of smollm3/,
  );
});

test('what GGUF cannot say of mixtures is refused in one line', async () => {
  const refused = (name: keyof typeof configs, fields: object, message: RegExp) =>
    assert.rejects(syntheticModel(name, { ...configs[name], ...fields }), message);
  await refused('Qwen3MoeForCausalLM', { norm_topk_prob: false }, /norm_topk_prob is not true/);
  await refused('Qwen3MoeForCausalLM', { mlp_only_layers: [0] }, /blocks of qwen3moe have no experts/);
  await refused('OlmoeForCausalLM', { norm_topk_prob: true }, /norm_topk_prob is true/);
  await refused('OlmoeForCausalLM', { clip_qkv: 8 }, /clip_qkv is 8/);
});
