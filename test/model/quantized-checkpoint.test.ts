import assert from 'node:assert/strict';
import { test } from 'node:test';
import { FormatError } from '../../src/core/errors.ts';
import { baseModelOfFolder, baseModelOfGguf } from '../../src/model/base-model.ts';
import { modelFromTensorFile } from '../../src/model/model.ts';
import { syntheticConfig, syntheticFile, tinyTokenizer } from '../support/synthetic.ts';

const linear = 'model.layers.1.mlp.up_proj';

/** What is left of a linear layer when a tool quantizes it: other tensors, a word in config.json. */
const checkpoints: [what: string, tensors: Record<string, string>, config: Record<string, unknown>, line: RegExp][] = [
  [
    'GPTQ',
    { qweight: 'I32', qzeros: 'I32', scales: 'F16', g_idx: 'I32' },
    { quantization_config: { quant_method: 'gptq' } },
    /\(GPTQ\)/,
  ],
  [
    'AWQ',
    { qweight: 'I32', qzeros: 'I32', scales: 'F16' },
    { quantization_config: { quant_method: 'awq' } },
    /\(AWQ or GPTQ\)/,
  ],
  [
    'compressed-tensors',
    { weight_packed: 'I32', weight_scale: 'BF16', weight_shape: 'I64' },
    { quantization_config: { quant_method: 'compressed-tensors' } },
    /\(compressed-tensors\)/,
  ],
  [
    'FP8 with scales',
    { weight: 'F8_E4M3', weight_scale_inv: 'F32' },
    { quantization_config: { quant_method: 'fp8' } },
    /\(FP8 or INT8 with scales\)/,
  ],
  ['FP8 that config.json does not mention', { weight: 'F8_E4M3', weight_scale: 'F32' }, {}, /FP8 or INT8 with scales/],
  ['MLX', { weight: 'U32', scales: 'BF16', biases: 'BF16' }, { quantization: { group_size: 64, bits: 4 } }, /\(MLX\)/],
  [
    'bitsandbytes in 4 bits',
    { weight: 'U8', 'weight.absmax': 'F32', 'weight.quant_map': 'F32' },
    { quantization_config: { quant_method: 'bitsandbytes' } },
    /4-bit bitsandbytes/,
  ],
  ['a merge of 8-bit bitsandbytes', { weight: 'I8', SCB: 'F32' }, {}, /8-bit bitsandbytes/],
  ['integers without scales', { weight: 'I8' }, {}, /up_proj\.weight holds I8/],
  ['HQQ', { W_q: 'U8', meta: 'F16' }, { quantization_config: { quant_method: 'hqq' } }, /\(HQQ\)/],
];

async function open(tensors: Record<string, string>, config: object, baseModel?: string): Promise<unknown> {
  const whole = syntheticConfig('LlamaForCausalLM', config as Record<string, unknown>);
  const file = syntheticFile(whole);
  const entries = new Map(file.tensors);
  const plain = entries.get(`${linear}.weight`)!;
  if (Object.keys(tensors).length > 0) entries.delete(plain.name);
  for (const [suffix, format] of Object.entries(tensors))
    entries.set(`${linear}.${suffix}`, { ...plain, name: `${linear}.${suffix}`, format });
  const parts = { tokenizer: await tinyTokenizer(), config: whole, baseModel };
  return modelFromTensorFile({ ...file, tensors: entries }, parts);
}

test(`${checkpoints.length} kinds of quantized checkpoints are told by name, with the original to ask for`, async () => {
  for (const [what, tensors, config, line] of checkpoints) {
    await assert.rejects(open(tensors, config, 'some/base'), (error: Error) => {
      assert.ok(error instanceof FormatError, what);
      assert.match(error.message, line, what);
      assert.match(error.message, /give the original, some\/base$/, what);
      assert.ok(!error.message.includes('\n'), what);
      return true;
    });
  }
});

test('a left-over quantization_config over plain weights is told as that', async () => {
  for (const config of [
    { quantization_config: { quant_method: 'bitsandbytes', load_in_4bit: true } },
    { quantization: { bits: 4 } },
  ])
    await assert.rejects(open({}, config), /all weights are plain F32; take that entry out of config\.json/);
  await open({}, { quantization_config: null });
});

test('the base model is named by the model card, config.json or the GGUF metadata', () => {
  const cards: [string | undefined, object, string | undefined][] = [
    ['---\nlicense: mit\nbase_model: a/b\n---\nbase_model: x/y', {}, 'a/b'],
    ['---\nbase_model:\n  - "a/b.c-1"\n---', { _name_or_path: 'x/y' }, 'a/b.c-1'],
    ['---\r\nbase_model: [a/b]\r\n---\r\n', {}, undefined],
    ['base_model: a/b', {}, undefined],
    [undefined, { _name_or_path: 'x/y' }, 'x/y'],
    [undefined, { _name_or_path: '/home/me/model' }, undefined],
    [undefined, {}, undefined],
  ];
  for (const [card, config, expected] of cards) assert.equal(baseModelOfFolder(card, config), expected, card);
  const url = new Map([['general.base_model.0.repo_url', 'https://huggingface.co/a/b']]);
  assert.equal(baseModelOfGguf(url), 'a/b');
  assert.equal(baseModelOfGguf(new Map([['general.source.url', 'https://example.org/a/b']])), undefined);
});
