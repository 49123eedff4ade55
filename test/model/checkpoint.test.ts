import assert from 'node:assert/strict';
import { test } from 'node:test';
import type { TensorEntry, TensorFile } from '../../src/container/types.ts';
import { FormatError } from '../../src/core/errors.ts';
import { parsePythonJson } from '../../src/core/json.ts';
import { magnitudesOf } from '../../src/model/magnitudes.ts';
import { modelFromTensorFile } from '../../src/model/model.ts';
import type { Model } from '../../src/model/types.ts';
import { memoryFile, syntheticConfig, syntheticFile, syntheticModel, tinyTokenizer } from '../support/synthetic.ts';

type Rename = (name: string) => string;
type Overrides = Record<string, unknown>;

/** A llama whose tensors are called, and left out, as `change` says. */
async function open(
  change: (tensors: Map<string, TensorEntry>) => Map<string, TensorEntry>,
  overrides: Overrides = {},
  config = syntheticConfig('LlamaForCausalLM', overrides),
): Promise<Model> {
  const file = syntheticFile(syntheticConfig('LlamaForCausalLM', overrides));
  return modelFromTensorFile(
    { ...file, tensors: change(new Map(file.tensors)) },
    { tokenizer: await tinyTokenizer(), config },
  );
}

const renamed =
  (rename: Rename) =>
  (tensors: Map<string, TensorEntry>): Map<string, TensorEntry> =>
    new Map([...tensors.values()].map((entry) => [rename(entry.name), { ...entry, name: rename(entry.name) }]));

async function assertSameWeights(found: Model, expected: Model, what: string): Promise<void> {
  assert.deepEqual([...found.tensors.keys()], [...expected.tensors.keys()], what);
  for (const [name, tensor] of expected.tensors)
    assert.deepEqual(await found.tensors.get(name)!.load(), await tensor.load(), `${what}: ${name}`);
}

const before: Rename = (name) => name.replace(/^model\./, '');
const layouts: [what: string, rename: Rename, overrides: Overrides][] = [
  ['the inner model saved alone', before, { tie_word_embeddings: true }],
  ['the inner model with a head beside it', before, {}],
  ['a merge saved inside its adapter', (name) => `base_model.model.${name}`, {}],
  ['a compiled model', (name) => `_orig_mod.${name}`, {}],
  ['a model of several processes', (name) => `module.${name}`, { tie_word_embeddings: true }],
];

test(`${layouts.length} ways to call the tensors of one checkpoint give one model`, async () => {
  for (const [what, rename, overrides] of layouts) {
    const expected = await syntheticModel('LlamaForCausalLM', overrides);
    await assertSameWeights(await open(renamed(rename), overrides), expected, what);
  }
});

const parts: [what: string, rename: Rename][] = [
  ['outside', (name) => (name.startsWith('lm_head') ? `language_model.${name}` : `language_model.${name}`)],
  ['inside', (name) => name.replace(/^model\./, 'model.language_model.')],
];

test(`the language model of a larger one is read alone, and what is left out is said`, async () => {
  const expected = await syntheticModel('LlamaForCausalLM');
  const { architectures: _, ...fields } = syntheticConfig('LlamaForCausalLM');
  const config = {
    architectures: ['LlavaForConditionalGeneration'],
    text_config: { ...fields, model_type: 'llama' },
    vision_config: { hidden_size: 32 },
  };
  const extra = new Map([
    ['vision_tower.encoder.layers.0.input_layernorm.weight', { shape: [32], values: new Float32Array(32) }],
    ['multi_modal_projector.linear_1.weight', { shape: [64, 32], values: new Float32Array(2048) }],
  ]);
  for (const [what, rename] of parts) {
    const withVision = (tensors: Map<string, TensorEntry>) =>
      new Map([...memoryFile(extra).tensors, ...renamed(rename)(tensors)]);
    const model = await open(withVision, {}, config);
    await assertSameWeights(model, expected, what);
    assert.deepEqual(
      model.remarks,
      ['the language model is read alone, without vision_tower, multi_modal_projector'],
      what,
    );
  }
  await assert.rejects(
    open((tensors) => new Map([...memoryFile(extra).tensors, ...tensors])),
    /vision_tower.* not known/,
  );
});

test('tied weights are read under either name; an untied model without its head is refused', async () => {
  const tied = { tie_word_embeddings: true };
  const expected = await syntheticModel('LlamaForCausalLM', tied);
  const underHead = renamed((name) => name.replace('model.embed_tokens', 'lm_head'));
  await assertSameWeights(await open(underHead, tied), expected, 'under lm_head');
  const headless = (tensors: Map<string, TensorEntry>) =>
    new Map([...tensors].filter(([name]) => name !== 'lm_head.weight'));
  await assert.rejects(open(headless), /lm_head\.weight is missing, and config\.json does not say tie_word_embeddings/);
  const open0 = await open(headless, { tie_word_embeddings: undefined });
  assert.equal(open0.config.tied, true);
});

function withDoubles(file: TensorFile, isDouble: (name: string) => boolean): Map<string, TensorEntry> {
  return new Map(
    [...file.tensors].map(([name, entry]) => {
      if (!isDouble(name)) return [name, entry];
      const read = async (start?: number, end?: number): Promise<Uint8Array> => {
        const floats = new Float32Array((await entry.read()).slice().buffer);
        return new Uint8Array(Float64Array.from(floats).buffer).slice(start, end);
      };
      return [name, { ...entry, format: 'F64', byteLength: 2 * entry.byteLength, read }];
    }),
  );
}

test('float64 checkpoints are read as float32, whole, in norms alone and in permuted rows', async () => {
  const expected = await syntheticModel('LlamaForCausalLM');
  for (const isDouble of [
    () => true,
    (name: string) => name.includes('norm'),
    (name: string) => name.includes('q_proj'),
  ]) {
    const model = await open(() => withDoubles(syntheticFile(syntheticConfig('LlamaForCausalLM')), isDouble));
    await assertSameWeights(model, expected, String(isDouble));
    const tensor = model.tensors.get('blk.0.attn_q.weight')!;
    assert.deepEqual(await tensor.load(3, 5), (await tensor.load()).slice(3 * 64, 5 * 64));
  }
});

test('values that are no numbers are named with their place before any work; extremes are told', async () => {
  const cases: [name: string, place: number, value: number, line: RegExp][] = [
    [
      'model.layers.1.mlp.down_proj.weight',
      96 * 3 + 5,
      Number.NaN,
      /blk\.1\.ffn_down\.weight: holds NaN at row 3, column 5,/,
    ],
    ['model.norm.weight', 7, Number.POSITIVE_INFINITY, /output_norm\.weight: holds Infinity at place 7,/],
    ['lm_head.weight', 64 * 4095, Number.NEGATIVE_INFINITY, /output\.weight: holds -Infinity at row 4095, column 0,/],
  ];
  const edited = (name: string, place: number, value: number) => (tensors: Map<string, TensorEntry>) => {
    const entry = tensors.get(name)!;
    const read = async (start?: number, end?: number): Promise<Uint8Array> => {
      const values = new Float32Array((await entry.read()).slice().buffer);
      values[place] = value;
      return new Uint8Array(values.buffer).slice(start, end);
    };
    return tensors.set(name, { ...entry, read });
  };
  for (const [name, place, value, line] of cases) {
    const model = await open(edited(name, place, value));
    await assert.rejects(
      magnitudesOf(model),
      (error: Error) => error instanceof FormatError && line.test(error.message),
    );
  }
  const outlier = await magnitudesOf(await open(edited('lm_head.weight', 9, -70000)));
  assert.equal(outlier.get('output.weight'), 70000);
  assert.equal(outlier.size, 21);
});

test('JSON with the words of Python is read; anything else is refused as before', () => {
  const cases: [text: string, value: unknown][] = [
    ['{"a": Infinity, "b": [-Infinity, NaN, 1]}', { a: Infinity, b: [-Infinity, null, 1] }],
    ['{"a": "Infinity \\" NaN", "b": NaN}', { a: 'Infinity " NaN', b: null }],
    ['{"NaN": 1}', { NaN: 1 }],
    ['[0.0, Infinity]', [0, Infinity]],
  ];
  for (const [text, value] of cases) assert.deepEqual(parsePythonJson(text), value, text);
  for (const text of ['{', 'Infinit', '{"a": undefined}', ''])
    assert.throws(() => parsePythonJson(text), SyntaxError, text);
});
