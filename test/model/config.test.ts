import assert from 'node:assert/strict';
import { test } from 'node:test';
import { FormatError } from '../../src/core/errors.ts';
import { configFromGguf } from '../../src/model/config-gguf.ts';
import { configFromHuggingFace } from '../../src/model/config-huggingface.ts';
import { memoryFile, syntheticConfig, syntheticModel } from '../support/synthetic.ts';

const read = (overrides: Record<string, unknown>, architecture = 'LlamaForCausalLM') =>
  configFromHuggingFace(syntheticConfig(architecture, overrides), { hasHead: true });

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
    configFromHuggingFace(syntheticConfig('LlamaForCausalLM', { tie_word_embeddings: undefined }), { hasHead: false })
      .tied,
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
  ['other activations', { hidden_act: 'gelu' }, /hidden_act gelu/],
  ['partial rotation', { partial_rotary_factor: 1.5 }, /partial_rotary_factor is 1\.5/],
  ['missing sizes', { hidden_size: undefined }, /hidden_size is missing/],
  [
    'layers of different RoPE',
    { rope_parameters: { full_attention: { rope_theta: 1 }, sliding_attention: { rope_theta: 2 } } },
    /full_attention and sliding_attention differ/,
  ],
  ['infinite sizes', { rope_theta: Number.POSITIVE_INFINITY }, /rope_theta is Infinity/],
  [
    'biases where nobody runs them',
    { architectures: ['Qwen3ForCausalLM'], attention_bias: true },
    /attention_bias is not supported for qwen3/,
  ],
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
  assert.throws(() => configFromHuggingFace([], { hasHead: true }), FormatError);
  assert.throws(() => configFromHuggingFace(null, { hasHead: true }), FormatError);
});

type Window = readonly [tokens: number, layers: string];
const windows: [what: string, architecture: string, overrides: Record<string, unknown>, window: Window | undefined][] =
  [
    ['Mistral', 'MistralForCausalLM', { sliding_window: 64 }, [64, '11']],
    ['Mistral without the field', 'MistralForCausalLM', { max_position_embeddings: 8192 }, [4096, '11']],
    ['Mistral switched off', 'MistralForCausalLM', { sliding_window: null, max_position_embeddings: 8192 }, undefined],
    ['Mistral of no width', 'MistralForCausalLM', { sliding_window: 0 }, undefined],
    ['Mistral as wide as the context', 'MistralForCausalLM', { sliding_window: 128 }, undefined],
    ['Llama, which knows none', 'LlamaForCausalLM', { sliding_window: 64 }, undefined],
    ['Qwen2 not switched on', 'Qwen2ForCausalLM', { sliding_window: 64 }, undefined],
    ['Qwen2 switched off', 'Qwen2ForCausalLM', { sliding_window: 64, use_sliding_window: false }, undefined],
    [
      'Qwen2 in upper blocks',
      'Qwen2ForCausalLM',
      { sliding_window: 64, use_sliding_window: true, max_window_layers: 1 },
      [64, '01'],
    ],
    ['Qwen2 above all blocks', 'Qwen2ForCausalLM', { sliding_window: 64, use_sliding_window: true }, undefined],
    [
      'Qwen3 by kinds of layers',
      'Qwen3ForCausalLM',
      { sliding_window: 32, use_sliding_window: true, layer_types: ['sliding_attention', 'full_attention'] },
      [32, '10'],
    ],
  ];

test(`${windows.length} ways to write a sliding window are read as Transformers reads them`, () => {
  for (const [what, architecture, overrides, expected] of windows) {
    const { window } = read(overrides, architecture);
    const found = window && [window.tokens, window.layers.map(Number).join('')];
    assert.deepEqual(found, expected, what);
  }
});

test('absent fields mean what the classes of Transformers take', () => {
  const absent = { num_key_value_heads: undefined, max_position_embeddings: undefined };
  const heads = { hidden_size: 512, num_attention_heads: 32 };
  const facts = (architecture: string, more = {}) => {
    const { kvHeads, headDim, contextLength } = read({ ...absent, ...heads, ...more }, architecture);
    return [kvHeads, headDim, contextLength];
  };
  assert.deepEqual(facts('LlamaForCausalLM'), [32, 16, 2048]);
  assert.deepEqual(facts('MistralForCausalLM'), [8, 16, 131072]);
  assert.deepEqual(facts('MistralForCausalLM', { num_key_value_heads: null }), [32, 16, 131072]);
  assert.deepEqual(facts('Qwen2ForCausalLM'), [32, 16, 32768]);
  assert.deepEqual(facts('Qwen3ForCausalLM', { head_dim: undefined }), [32, 128, 32768]);
  assert.equal(read({ rms_norm_eps: undefined }).normEpsilon, Math.fround(1e-6));
});

test('old, new and nested layouts of config.json give the same config', () => {
  const plain = syntheticConfig('MistralForCausalLM', { rope_theta: 5e5 });
  const expected = configFromHuggingFace(plain, { hasHead: true });
  const { architectures: _, ...fields } = plain;
  const { rope_theta: theta, ...others } = fields;
  const perKind = { full_attention: { rope_theta: theta }, sliding_attention: { rope_theta: theta } };
  const written: [string, object][] = [
    ['the class before it was renamed', { ...plain, architectures: ['MistralModel'] }],
    ['model_type alone', { ...fields, model_type: 'mistral' }],
    ['nested', { architectures: ['LlavaForConditionalGeneration'], text_config: { ...fields, model_type: 'mistral' } }],
    ['nested under llm_config', { model_type: 'internvl', llm_config: plain }],
    ['nested, class outside', { architectures: ['MistralForCausalLM'], text_config: fields }],
    ['rope_parameters', { ...others, model_type: 'mistral', rope_parameters: { rope_theta: theta } }],
    ['rope_parameters by kind of layer', { ...others, model_type: 'mistral', rope_parameters: perKind }],
    ['swish', { ...plain, hidden_act: 'swish' }],
  ];
  for (const [what, json] of written) assert.deepEqual(configFromHuggingFace(json, { hasHead: true }), expected, what);
});

const kinds: [string, Record<string, unknown>][] = [
  ['LlamaForCausalLM', {}],
  ['LlamaForCausalLM', { rope_scaling: { type: 'linear', factor: 3 }, tie_word_embeddings: true }],
  ['MistralForCausalLM', { head_dim: 24, rms_norm_eps: 1e-6 }],
  ['MistralForCausalLM', { sliding_window: 48 }],
  ['Qwen2ForCausalLM', { sliding_window: 48, use_sliding_window: true, max_window_layers: 1 }],
  ['LlamaForCausalLM', { attention_bias: true, mlp_bias: true }],
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
    /mamba is not supported \(known: llama, qwen2, qwen3,/,
  );
  assert.throws(() => configFromGguf(file([['general.architecture', 'llama']])), /llama\.embedding_length is missing/);
  const sizes = ['embedding_length', 'attention.head_count', 'context_length', 'block_count', 'feed_forward_length'];
  const qwen = sizes.map((key): [string, number] => [`qwen2.${key}`, 8]);
  const embedding = new Map([['token_embd.weight', { shape: [8, 8], values: new Float32Array(64) }]]);
  const epsilon: [string, number] = ['qwen2.attention.layer_norm_rms_epsilon', 1e-5];
  const keys = new Map<string, string | number>([...qwen, epsilon]);
  keys.set('general.architecture', 'qwen2').set('qwen2.expert_count', 8);
  const experts = { ...memoryFile(embedding), metadata: keys };
  assert.throws(() => configFromGguf(experts), /expert_count is 8; qwen2 is known without experts/);
});
