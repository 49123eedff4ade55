import assert from 'node:assert/strict';
import { readFileSync } from 'node:fs';
import { test } from 'node:test';
import { create, toBinary } from '@bufbuild/protobuf';
import { ModelProtoSchema, TrainerSpec_ModelType } from 'sentencepiece-buf/model';
import { FormatError } from '../../src/core/errors.ts';
import { assetPath, tinyModel } from '../../src/text/assets.node.ts';
import { tokenizerFromFolder } from '../../src/text/folder.ts';
import { tokenizerFromGguf } from '../../src/text/gguf.ts';
import type { Tokenizer } from '../../src/text/types.ts';
import { readVocabularyFile, untyped } from '../support/gguf-metadata.ts';
import { needsShared, shared } from '../support/shared.ts';

type Files = Readonly<Record<string, string | object | Uint8Array>>;

function open(files: Files, model: object = {}): Promise<Tokenizer> {
  const read = async (name: string): Promise<Uint8Array | undefined> => {
    const content = files[name];
    if (content === undefined || content instanceof Uint8Array) return content;
    return new TextEncoder().encode(typeof content === 'string' ? content : JSON.stringify(content));
  };
  return tokenizerFromFolder('folder', read, model);
}

const tiny = JSON.parse(readFileSync(assetPath(`${tinyModel}/tokenizer.json`), 'utf8'));
const text = "I'Ve 123 été\n\n  x_y 🦙 end";
const mergesText = (merges: readonly (string | string[])[]): string =>
  `#version: 0.2\n${merges.map((merge) => (Array.isArray(merge) ? merge.join(' ') : merge)).join('\n')}\n`;
const slow = { 'vocab.json': tiny.model.vocab, 'merges.txt': mergesText(tiny.model.merges) };

test('folders: vocab.json with merges.txt give the ids of tokenizer.json', async () => {
  const fast = await open({ 'tokenizer.json': tiny });
  for (const [config, model] of [
    [{ tokenizer_class: 'GPT2Tokenizer' }, {}],
    [{ tokenizer_class: 'GPT2TokenizerFast' }, {}],
    [{}, { model_type: 'gpt2' }],
  ]) {
    const made = await open({ ...slow, 'tokenizer_config.json': config }, model);
    assert.deepEqual(made.encode(text), fast.encode(text));
    assert.equal(made.toGguf().get('tokenizer.ggml.pre')?.value, 'gpt-2');
  }
  const qwen = await open({ ...slow, 'tokenizer_config.json': { tokenizer_class: 'Qwen2Tokenizer' } });
  assert.equal(qwen.toGguf().get('tokenizer.ggml.pre')?.value, 'qwen2');
  assert.equal(qwen.decode(qwen.encode(text)), text);
});

test('folders: tokens that other files add are found in text, special ones on request', async () => {
  const added = { '<tool>': 4096, '<im>': 4097 };
  const special = { additional_special_tokens: ['<im>'] };
  const decoder = { 4096: { content: '<tool>', special: false }, 4097: { content: '<im>', special: true } };
  const folders: Files[] = [
    { 'tokenizer.json': tiny, 'added_tokens.json': added, 'special_tokens_map.json': special },
    { 'tokenizer.json': tiny, 'tokenizer_config.json': { added_tokens_decoder: decoder } },
    { ...slow, 'added_tokens.json': added, 'tokenizer_config.json': { tokenizer_class: 'GPT2Tokenizer', ...special } },
  ];
  for (const files of folders) {
    const made = await open(files);
    assert.equal(made.vocabularySize, 4098);
    assert.deepEqual(Array.from(made.encode('<tool>')), [4096]);
    assert.deepEqual(Array.from(made.encode('<im>', { parseSpecial: true })), [4097]);
    assert.ok(made.encode('<im>').length > 1);
    assert.deepEqual((made.toGguf().get('tokenizer.ggml.token_type')!.value as number[]).slice(4096), [4, 3]);
  }
});

test('folders: special tokens come from tokenizer_config.json, else special_tokens_map.json, else config.json', async () => {
  const base = { 'tokenizer.json': tiny, 'added_tokens.json': { '<x>': 4096, '<y>': 4097 } };
  const map = { 'special_tokens_map.json': { bos_token: '<x>' } };
  assert.equal((await open({ ...base, ...map, 'tokenizer_config.json': { bos_token: '<y>' } })).bos, 4097);
  assert.equal((await open({ ...base, ...map, 'tokenizer_config.json': { bos_token: null } })).bos, 4096);
  assert.equal((await open(base, { bos_token_id: 4097 })).bos, 4097);
  assert.equal((await open(base, { text_config: { bos_token_id: [4096] } })).bos, 4096);
});

test('folders: the chat template is found in every file that may hold it, the newest kind first', async () => {
  const jinja = { 'chat_template.jinja': 'J' };
  const config = {
    'tokenizer_config.json': {
      chat_template: [
        { name: 'rag', template: 'R' },
        { name: 'default', template: 'C' },
      ],
    },
  };
  const json = { 'chat_template.json': { chat_template: 'O' } };
  const template = async (...files: Files[]) =>
    (await open(Object.assign({ 'tokenizer.json': tiny }, ...files))).chatTemplate;
  assert.equal(await template(json), 'O');
  assert.equal(await template(json, config), 'C');
  assert.equal(await template(json, config, jinja), 'J');
  assert.equal(await template(), undefined);
});

/** Llama 2's SentencePiece file, made again of the vocabulary in a GGUF. */
function llama2Pieces(modelType = TrainerSpec_ModelType.BPE): Uint8Array {
  const metadata = untyped(readVocabularyFile(shared('golden/vocab/llama-spm.gguf.gz')!));
  const [tokens, scores, types] = ['tokens', 'scores', 'token_type'].map((key) =>
    metadata.get(`tokenizer.ggml.${key}`),
  );
  const pieces = (tokens as string[]).map((piece, id) => {
    return { piece, score: (scores as number[])[id], type: (types as number[])[id] };
  });
  const model = { pieces, trainerSpec: { modelType }, normalizerSpec: { addDummyPrefix: true } };
  return toBinary(ModelProtoSchema, create(ModelProtoSchema, model));
}

test(
  'folders: tokenizer.model alone gives llama.cpp’s ids',
  needsShared('golden/vocab/llama-spm.gguf.gz'),
  async () => {
    const fromGguf = tokenizerFromGguf(untyped(readVocabularyFile(shared('golden/vocab/llama-spm.gguf.gz')!)));
    const config = {
      bos_token: '<s>',
      eos_token: '</s>',
      added_tokens_decoder: { 32000: { content: '<|im_end|>', special: true } },
    };
    const made = await open({ 'tokenizer.model': llama2Pieces(), 'tokenizer_config.json': config });
    const texts = readFileSync(shared('golden/vocab/llama-spm.inp')!, 'utf8').split('\n__ggml_vocab_test__\n');
    for (const sample of [...texts, text]) {
      assert.deepEqual(
        made.encode(sample, { special: true }),
        fromGguf.encode(sample, { special: true }),
        JSON.stringify(sample),
      );
    }
    assert.equal(texts.length, 47);
    assert.deepEqual(made.stop, [2, 32000]);
    assert.deepEqual(Array.from(made.encode('<|im_end|>', { parseSpecial: true })), [32000]);
    const again = tokenizerFromGguf(untyped(made.toGguf()));
    assert.deepEqual(again.encode(text, { special: true }), made.encode(text, { special: true }));
    // Gemma's text gets no leading space.
    const bare = await open({
      'tokenizer.model': llama2Pieces(),
      'tokenizer_config.json': { ...config, add_prefix_space: false },
    });
    assert.equal(bare.decode(bare.encode('Hello')), 'Hello');
    assert.notDeepEqual(bare.encode('Hello'), made.encode('Hello'));
  },
);

test('folders: what is no tokenizer is told in one line, with what to do', async () => {
  const pointer = 'version https://git-lfs.github.com/spec/v1\noid sha256:00\nsize 5\n';
  const words = create(ModelProtoSchema, {
    pieces: [{ piece: 'a' }],
    trainerSpec: { modelType: TrainerSpec_ModelType.WORD },
  });
  const cases: [Files, RegExp][] = [
    [
      {},
      /folder: holds no tokenizer; expected tokenizer\.json, tokenizer\.model, vocab\.json with merges\.txt, or vocab\.txt: fetch/,
    ],
    [{ 'vocab.json': {} }, /vocab\.json without merges\.txt/],
    [{ 'merges.txt': 'a b' }, /merges\.txt without vocab\.json/],
    [{ 'tekken.json': {} }, /tekken\.json alone; expected tokenizer\.json/],
    [{ 'tokenizer.json': pointer }, /tokenizer\.json: is a Git LFS pointer.*git lfs pull/],
    [{ 'tokenizer.model': pointer }, /tokenizer\.model: is a Git LFS pointer.*git lfs pull/],
    [{ ...slow, 'merges.txt': pointer }, /merges\.txt: is a Git LFS pointer/],
    [{ 'tokenizer.json': '{"model":' }, /tokenizer\.json: is not valid JSON; fetch it again/],
    [{ 'tokenizer.json': '3' }, /found number, expected a JSON object/],
    [{ 'tokenizer.json': Uint8Array.of(0xff, 0xfe, 0) }, /tokenizer\.json: is no UTF-8 text/],
    [{ 'tokenizer.model': 'IQ== 0\nIg== 1\n' }, /found a list of tiktoken.*add the tokenizer\.json/],
    [{ 'tokenizer.model': Uint8Array.of(8, 200, 3, 255) }, /4 bytes that are no SentencePiece model/],
    [{ 'tokenizer.model': new Uint8Array(0) }, /0 bytes that are no SentencePiece model/],
    [{ 'tokenizer.model': toBinary(ModelProtoSchema, words) }, /found SentencePiece's WORD model/],
    [
      { ...slow, 'tokenizer_config.json': { tokenizer_class: 'CLIPTokenizer' } },
      /found the tokenizer class CLIPTokenizer, expected GPT2Tokenizer/,
    ],
    [{ ...slow }, /found the tokenizer class none.*add the model's tokenizer\.json/],
  ];
  for (const [files, message] of cases) {
    await assert.rejects(open(files), (error: Error) => {
      assert.ok(error instanceof FormatError, error.stack);
      assert.match(error.message, message);
      assert.doesNotMatch(error.message, /\n/);
      return true;
    });
  }
});
