import assert from 'node:assert/strict';
import { readFileSync } from 'node:fs';
import { test } from 'node:test';
import { FormatError } from '../../src/core/errors.ts';
import { assetPath, tinyModel } from '../../src/text/assets.node.ts';
import { tokenizerFromGguf } from '../../src/text/gguf.ts';
import { tokenizerFromHf } from '../../src/text/hf.ts';
import { preTokenizers } from '../../src/text/pre-tokenizers.ts';
import type { Tokenizer } from '../../src/text/types.ts';
import { readVocabularyFile, untyped } from '../support/gguf-metadata.ts';
import { needsShared, shared } from '../support/shared.ts';

const files = new Map<string, Record<string, unknown>>();
const tinyFile = (name: string): Record<string, unknown> => {
  const known = files.get(name) ?? JSON.parse(readFileSync(assetPath(`${tinyModel}/${name}`), 'utf8'));
  files.set(name, known);
  return known;
};
const tiny = (config: object = {}, tokenizer: object = {}): Tokenizer =>
  tokenizerFromHf({
    tokenizer: { ...tinyFile('tokenizer.json'), ...tokenizer },
    config: { ...tinyFile('tokenizer_config.json'), ...config },
  });
const value = (tokenizer: Tokenizer, key: string, vocabularySize?: number): unknown =>
  tokenizer.toGguf(vocabularySize).get(`tokenizer.ggml.${key}`)?.value;
const smallModel = { type: 'BPE', vocab: { '<|endoftext|>': 0, a: 1 }, merges: [] };

test('tiny: encodes and decodes, bytes of tokens add up', () => {
  const tokenizer = tiny();
  const text = 'Once upon a time, été 🦙!\n\n';
  const ids = tokenizer.encode(text);
  assert.equal(tokenizer.decode(ids), text);
  const bytes = Array.from(ids).flatMap((id) => Array.from(tokenizer.tokenBytes(id)));
  assert.deepEqual(Buffer.from(bytes), Buffer.from(text));
  assert.equal(tokenizer.vocabularySize, 4096);
  assert.deepEqual(tokenizer.stop, [0]);
  assert.equal(tokenizer.addBos, false);
  assert.throws(() => tokenizer.tokenBytes(4096), /token id 4096: outside/);
});

test('special tokens are text unless they are asked for', () => {
  const tokenizer = tiny({ add_bos_token: true, add_eos_token: true });
  assert.deepEqual(Array.from(tokenizer.encode('<|endoftext|>', { parseSpecial: true })), [0]);
  assert.ok(tokenizer.encode('<|endoftext|>').length > 1);
  assert.deepEqual(Array.from(tokenizer.encode('', { special: true })), [0, 0]);
});

test('long text has the same ids in one piece and in many', () => {
  const line = 'The quick brown fox.\nIt jumped\n\n  over 12 lazy dogs\r\nand\n';
  const tokenizer = tiny();
  const many = tokenizer.encode(line.repeat(4000));
  const one = tokenizer.encode(line);
  assert.equal(many.length, 4000 * one.length);
  assert.deepEqual(many.slice(0, one.length), one);
  assert.equal(tokenizer.decode(many.slice(-2 * one.length)), line.repeat(2));
});

test('every pre-tokenizer of the table is recognized from tokenizer.json', () => {
  let recognized = 0;
  const byteLevel = preTokenizers.filter(({ spelling }) => spelling === undefined);
  for (const { names, splits, original, ignoreMerges } of byteLevel) {
    const pre_tokenizer = {
      type: 'Sequence',
      pretokenizers: [
        ...(original ?? splits).map((Regex) => ({
          type: 'Split',
          pattern: { Regex },
          behavior: 'Isolated',
          invert: false,
        })),
        { type: 'ByteLevel', add_prefix_space: false, use_regex: false },
      ],
    };
    const model = { ...smallModel, ignore_merges: ignoreMerges ?? false };
    assert.equal(value(tiny({}, { pre_tokenizer, model }), 'pre'), names[0]);
    recognized++;
  }
  assert.equal(recognized, byteLevel.length);
  assert.ok(recognized >= 30, String(recognized));
});

test("models' own spellings of pre-tokenizers are recognized", () => {
  const byteLevel = { type: 'ByteLevel', add_prefix_space: false, use_regex: false };
  const split = (Regex: string): object => ({ type: 'Split', pattern: { Regex }, behavior: 'Isolated', invert: false });
  const tail = ' ?[^\\s\\p{L}\\p{N}]+[\\r\\n]*|\\s*[\\r\\n]+|\\s+(?!\\S)|\\s+';
  const qwen = `(?i:'s|'t|'re|'ve|'m|'ll|'d)|[^\\r\\n\\p{L}\\p{N}]?\\p{L}+|\\p{N}|${tail}`;
  const cases: [string, object][] = [
    ['gpt-2', { type: 'ByteLevel', add_prefix_space: false, use_regex: true }],
    [
      'smollm',
      {
        type: 'Sequence',
        pretokenizers: [
          { type: 'Digits', individual_digits: true },
          { ...byteLevel, use_regex: true },
        ],
      },
    ],
    ['qwen2', { type: 'Sequence', pretokenizers: [split(qwen), byteLevel] }],
    ['dbrx', { type: 'Sequence', pretokenizers: [split(qwen.replace('\\p{N}|', '\\p{N}{1,3}|')), byteLevel] }],
  ];
  for (const [name, pre_tokenizer] of cases) {
    assert.equal(value(tiny({}, { pre_tokenizer, model: smallModel }), 'pre'), name);
  }
  const unknown = tiny({}, { pre_tokenizer: { type: 'Sequence', pretokenizers: [split('[a-z]+'), byteLevel] } });
  assert.equal(unknown.decode(unknown.encode('abc def')), 'abc def');
  assert.throws(() => unknown.toGguf(), /none of those that llama.cpp knows/);
});

test('a GGUF of a larger vocabulary is filled with unused tokens', () => {
  const gguf = tiny().toGguf(4100);
  const padded = tokenizerFromGguf(untyped(gguf));
  assert.equal(padded.vocabularySize, 4100);
  assert.deepEqual((value(tiny(), 'tokens', 4100) as string[]).slice(-2), ['[PAD4098]', '[PAD4099]']);
  assert.equal(padded.tokenBytes(4099).length, 0);
  assert.deepEqual(padded.encode('Hello there'), tiny().encode('Hello there'));
  assert.equal((value(padded, 'token_type', 4200) as number[]).length, 4200);
  assert.throws(() => tiny().toGguf(4000), FormatError);
});

test('the chat template comes from the configuration, else from its own file', () => {
  assert.equal(tiny({ chat_template: 'A' }).chatTemplate, 'A');
  const list = [
    { name: 'tool_use', template: 'T' },
    { name: 'default', template: 'D' },
  ];
  assert.equal(tiny({ chat_template: list }).chatTemplate, 'D');
  const files = { tokenizer: tinyFile('tokenizer.json'), chatTemplate: 'F' };
  assert.equal(tokenizerFromHf(files).chatTemplate, 'F');
  assert.equal(tokenizerFromHf(files).toGguf().get('tokenizer.chat_template')?.value, 'F');
});

test('special ids come from the configuration, else from config.json', () => {
  const tokenizer = tinyFile('tokenizer.json');
  const config = { eos_token: { content: '<|endoftext|>' } };
  const made = tokenizerFromHf({ tokenizer, config, model: { bos_token_id: 5, eos_token_id: 6 } });
  assert.deepEqual([made.bos, made.eos], [5, 0]);
});

test('ill-formed files are told in one line', () => {
  assert.throws(
    () => tiny({}, { model: { type: 'WordLevel', vocab: {} } }),
    /found a WordLevel model, expected BPE, Unigram, WordPiece/,
  );
  assert.throws(() => tiny({}, { model: { type: 'BPE', vocab: { a: 0.5 }, merges: [] } }), /token "a": found id 0.5/);
  assert.throws(
    () => tiny({}, { model: { type: 'BPE', vocab: { a: 1e12 }, merges: [] } }),
    /found ids up to 1000000000000/,
  );
  assert.throws(() => tiny({}, { model: { type: 'BPE', vocab: { a: 0 }, merges: ['a'] } }), /merge 0: found "a"/);
  const other: [object, RegExp][] = [
    [{ model: { type: 'Unigram', vocab: {} } }, /model.vocab: expected an array of pieces/],
    [{ model: { type: 'Unigram', vocab: [['a']] } }, /piece 0: found \["a"\], expected a text and a score/],
    [
      { normalizer: { type: 'NFKC' }, model: { type: 'Unigram', vocab: [['a', -1]] } },
      /normalizer: found NFKC, expected Precompiled/,
    ],
    [
      { normalizer: null, model: { type: 'Unigram', vocab: [['a', -1]], byte_fallback: true } },
      /Unigram model with byte_fallback/,
    ],
    [{ model: { type: 'WordPiece', vocab: { a: 0 } } }, /found no token \[CLS\]/],
    [
      {
        normalizer: { type: 'Precompiled', precompiled_charsmap: 'AAAA' },
        model: { type: 'Unigram', vocab: [['a', -1]] },
      },
      /precompiled_charsmap: found .*; the tokenizer is damaged/,
    ],
  ];
  for (const [change, message] of other) {
    assert.throws(
      () => tiny({}, { added_tokens: [], ...change }),
      (error: Error) => {
        assert.ok(error instanceof FormatError, error.stack);
        assert.match(error.message, message);
        return true;
      },
    );
  }
  assert.throws(() => tokenizerFromHf({ tokenizer: [] }), /tokenizer.json: found an array/);
  assert.throws(
    () => tokenizerFromGguf(new Map([['tokenizer.ggml.model', 'rwkv']])),
    /found rwkv, expected one of gpt2/,
  );
  const unknownPre = untyped(tiny().toGguf()).set('tokenizer.ggml.pre', 'no-such');
  assert.throws(() => tokenizerFromGguf(unknownPre), /tokenizer.ggml.pre: found no-such/);
  const noMerges = untyped(tiny().toGguf());
  noMerges.delete('tokenizer.ggml.merges');
  assert.throws(() => tokenizerFromGguf(noMerges), /tokenizer.ggml.merges: found nothing/);
  const shortTypes = untyped(tiny().toGguf()).set('tokenizer.ggml.token_type', [1, 1]);
  assert.throws(() => tokenizerFromGguf(shortTypes), /found 2 entries, expected one for each of 4096/);
});

test(
  'Llama 2: tokenizer.json and the scores of a GGUF give the same ids',
  needsShared('golden/vocab/llama-spm.gguf.gz'),
  () => {
    const metadata = untyped(readVocabularyFile(shared('golden/vocab/llama-spm.gguf.gz')!));
    const fromGguf = tokenizerFromGguf(metadata);
    const fromHf = tokenizerFromHf({
      tokenizer: llama2Json(metadata),
      config: { bos_token: '<s>', eos_token: '</s>' },
    });
    const texts = readFileSync(shared('golden/vocab/llama-spm.inp')!, 'utf8').split('\n__ggml_vocab_test__\n');
    assert.equal(texts.length, 47);
    for (const text of texts) assert.deepEqual(fromHf.encode(text), fromGguf.encode(text), JSON.stringify(text));
    assert.equal(fromHf.addBos, true);
    const again = tokenizerFromGguf(untyped(fromHf.toGguf()));
    const sample = texts.join(' ');
    assert.deepEqual(again.encode(sample, { special: true }), fromGguf.encode(sample, { special: true }));
  },
);

/** tokenizer.json as transformers derives it from a SentencePiece model: all splits of a piece, best pieces first. */
function llama2Json(metadata: ReadonlyMap<string, unknown>): object {
  const tokens = metadata.get('tokenizer.ggml.tokens') as string[];
  const scores = metadata.get('tokenizer.ggml.scores') as number[];
  const vocab = Object.fromEntries(tokens.map((token, id) => [token, id]));
  const ranked = tokens.map((_, id) => id).sort((a, b) => scores[b] - scores[a] || a - b);
  const merges = ranked.flatMap((id) => {
    const characters = Array.from(tokens[id]);
    const pairs = characters.map((_, at) => [characters.slice(0, at).join(''), characters.slice(at).join('')]);
    return pairs.filter(([left, right]) => Object.hasOwn(vocab, left) && Object.hasOwn(vocab, right));
  });
  const added = (id: number): object => ({ id, content: tokens[id], special: true, normalized: false });
  return {
    added_tokens: [0, 1, 2].map(added),
    normalizer: {
      type: 'Sequence',
      normalizers: [
        { type: 'Prepend', prepend: '▁' },
        { type: 'Replace', pattern: { String: ' ' }, content: '▁' },
      ],
    },
    pre_tokenizer: null,
    post_processor: null,
    model: { type: 'BPE', vocab, merges, byte_fallback: true, unk_token: '<unk>' },
  };
}

test('added tokens take the white space beside them where tokenizer.json says so', () => {
  const marks = [
    { id: 4096, content: '<l>', special: true, lstrip: true },
    { id: 4097, content: '<r>', special: true, rstrip: true },
    { id: 4098, content: '<n>', special: true },
  ];
  const tokenizer = tiny({}, { added_tokens: marks });
  const shown = (text: string): string => tokenizer.decode(tokenizer.encode(text, { parseSpecial: true }));
  assert.equal(shown('a \n<l> b'), 'a<l> b');
  assert.equal(shown('a <r> \tb'), 'a <r>b');
  assert.equal(shown('a <n> b'), 'a <n> b');
  assert.equal(shown('a <r> <l> b'), 'a <r><l> b');
});
