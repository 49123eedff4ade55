import assert from 'node:assert/strict';
import { test } from 'node:test';
import { FormatError } from '../../src/core/errors.ts';
import { configFromGguf } from '../../src/model/config-gguf.ts';
import { configFromHuggingFace } from '../../src/model/config-huggingface.ts';
import { memoryFile, syntheticConfig, syntheticModel } from '../support/synthetic.ts';

const read = (overrides: Record<string, unknown>, architecture = 'LlamaForCausalLM') =>
  configFromHuggingFace(syntheticConfig(architecture, overrides), true);

test('the old and the new layout of RoPE settings give the same config', () => {
  const scaling = { factor: 8, low_freq_factor: 1, high_freq_factor: 4, original_max_position_embeddings: 64 };
  const old = read({ rope_theta: 500000, rope_scaling: { rope_type: 'llama3', ...scaling } });
  const current = read({
    rope_theta: undefined,
    rope_parameters: { rope_theta: 500000, rope_type: 'llama3', ...scaling },
  });
  assert.deepEqual(old, current);
  assert.equal(old.rope.theta, 500000);
  assert.equal(old.rope.frequencyFactors?.length, 8);
  assert.equal(old.rope.frequencyFactors?.[0], 1);
  assert.equal(old.rope.frequencyFactors?.[7], 8);
});

test('HF defaults: kv heads, head size, tied embeddings and RoPE base', () => {
  const config = read({ num_key_value_heads: undefined, rope_theta: undefined });
  assert.equal(config.kvHeads, 4);
  assert.equal(config.headDim, 16);
  assert.equal(config.rope.theta, 10000);
  assert.equal(config.rope.style, 'interleaved');
  assert.equal(
    configFromHuggingFace(syntheticConfig('LlamaForCausalLM', { tie_word_embeddings: undefined }), false).tied,
    true,
  );
  assert.equal(read({ head_dim: 24 }).headDim, 24);
  assert.equal(read({}, 'Qwen2ForCausalLM').rope.style, 'halves');
});

const rejected: [string, Record<string, unknown>, RegExp][] = [
  [
    'unknown architectures',
    { architectures: ['MambaForCausalLM'] },
    /MambaForCausalLM is not supported \(known: LlamaForCausalLM/,
  ],
  ['no architecture', { architectures: undefined }, /none named/],
  ['sliding windows', { sliding_window: 64 }, /sliding_window 64 is shorter than the context of 128/],
  ['other activations', { hidden_act: 'gelu' }, /hidden_act gelu/],
  ['partial rotation', { partial_rotary_factor: 0.5 }, /partial_rotary_factor 0\.5/],
  ['quantized checkpoints', { quantization_config: { bits: 4 } }, /already quantized/],
  ['missing sizes', { hidden_size: undefined }, /hidden_size is missing/],
  ['negative sizes', { num_hidden_layers: -1 }, /num_hidden_layers is -1/],
  ['fractional head sizes', { num_attention_heads: 5, num_key_value_heads: 5 }, /head_dim is 12\.8/],
  ['unknown scaling', { rope_scaling: { type: 'longrope' } }, /rope type longrope is not supported/],
  [
    'llama3 scaling outside llama',
    { architectures: ['Qwen2ForCausalLM'], rope_scaling: { rope_type: 'llama3' } },
    /llama3 is not supported for qwen2/,
  ],
];

test(`rejects ${rejected.length} kinds of config.json with one clear line`, () => {
  for (const [what, overrides, message] of rejected) {
    assert.throws(
      () => read(overrides),
      (error: Error) => error instanceof FormatError && message.test(error.message),
      what,
    );
  }
  assert.throws(() => configFromHuggingFace([], true), FormatError);
  assert.throws(() => configFromHuggingFace(null, true), FormatError);
});

test('windows that are off, wide enough or used by no layer are accepted', () => {
  assert.equal(read({ sliding_window: 4096 }).contextLength, 128);
  assert.equal(read({ sliding_window: 64, use_sliding_window: false }).contextLength, 128);
  assert.equal(read({ sliding_window: 64, layer_types: ['full_attention', 'full_attention'] }).contextLength, 128);
  assert.equal(read({ sliding_window: null }).contextLength, 128);
});

const kinds: [string, Record<string, unknown>][] = [
  ['LlamaForCausalLM', {}],
  ['LlamaForCausalLM', { rope_scaling: { type: 'linear', factor: 3 }, tie_word_embeddings: true }],
  ['MistralForCausalLM', { head_dim: 24, rms_norm_eps: 1e-6 }],
  [
    'Qwen2ForCausalLM',
    { rope_scaling: { type: 'yarn', factor: 4, original_max_position_embeddings: 32, beta_fast: 16 } },
  ],
  [
    'Qwen3ForCausalLM',
    { head_dim: 32, rope_parameters: { rope_type: 'yarn', factor: 2, attention_factor: 1.2, rope_theta: 7777.7 } },
  ],
];

test(`metadata of ${kinds.length} models reads back as the same config`, async () => {
  for (const [architecture, overrides] of kinds) {
    const model = await syntheticModel(architecture, overrides);
    const metadata = new Map([...model.metadata].map(([key, { value }]) => [key, value]));
    const names = [...model.tensors].map(
      ([name, { shape }]) => [name, { shape, values: new Float32Array(0) }] as const,
    );
    const file = { ...memoryFile(new Map(names)), container: 'gguf' as const, metadata };
    assert.deepEqual({ ...configFromGguf(file) }, model.config);
  }
});

test('rejects GGUF metadata of other architectures and mixtures of experts', () => {
  const file = (entries: [string, number | string][]) => ({ ...memoryFile(new Map()), metadata: new Map(entries) });
  assert.throws(() => configFromGguf(file([])), /general\.architecture is missing/);
  assert.throws(
    () => configFromGguf(file([['general.architecture', 'mamba']])),
    /mamba is not supported \(known: llama, qwen2, qwen3\)/,
  );
  assert.throws(() => configFromGguf(file([['general.architecture', 'llama']])), /llama\.embedding_length is missing/);
  const sizes = ['embedding_length', 'attention.head_count', 'context_length', 'block_count', 'feed_forward_length'];
  const llama = sizes.map((key): [string, number] => [`llama.${key}`, 8]);
  const experts = file([['general.architecture', 'llama'], ...llama, ['llama.expert_count', 8]]);
  assert.throws(() => configFromGguf(experts), /expert_count is 8; mixtures of experts are not supported/);
});
