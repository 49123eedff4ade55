import assert from 'node:assert/strict';
import { readFileSync } from 'node:fs';
import { after, test } from 'node:test';
import { create, toBinary } from '@bufbuild/protobuf';
import { ModelProtoSchema, TrainerSpec_ModelType } from 'sentencepiece-buf/model';
import { tokenizerFromGguf } from '../../src/text/gguf.ts';
import { tokenizerFromHf } from '../../src/text/hf.ts';
import type { Tokenizer, TypedMetadata } from '../../src/text/types.ts';
import { readVocabularyFile, untyped } from '../support/gguf-metadata.ts';
import { llamaFiles, needsLlamaRepository } from '../support/llama-repository.ts';
import { llamaCpp, llamaIdsOf } from '../support/llama-vocabulary.ts';
import { needsShared } from '../support/shared.ts';
import { edgeTexts, sampleTexts } from '../support/texts.ts';

const names = ['bert-bge', 'gemma-4', 'nomic-bert-moe', 'qwen35', 'phi-3'];
const judged = names.filter((name) => name !== 'nomic-bert-moe');
const { skip } = needsLlamaRepository();
const repository =
  skip === false
    ? llamaFiles(
        ...names.map((name) => `models/ggml-vocab-${name}.gguf`),
        ...judged.flatMap((name) => [`models/ggml-vocab-${name}.gguf.inp`, `models/ggml-vocab-${name}.gguf.out`]),
      )
    : undefined;
after(async () => {
  repository?.remove();
  await (await llamaCpp()).dispose();
});

const known = new Map<string, Map<string, TypedMetadata>>();
function read(name: string): Map<string, TypedMetadata> {
  const metadata = known.get(name) ?? readVocabularyFile(repository!.file(`models/ggml-vocab-${name}.gguf`));
  known.set(name, metadata);
  return metadata;
}
const made = new Map<string, Tokenizer>();
function tokenizerOf(name: string): Tokenizer {
  const tokenizer = made.get(name) ?? tokenizerFromGguf(untyped(read(name)));
  made.set(name, tokenizer);
  return tokenizer;
}
const needs = { skip: skip || needsShared('text').skip };

/** Ids of texts, and of the edge cases with special tokens, are llama.cpp's. */
async function compare(
  tokenizer: Tokenizer,
  texts: readonly string[],
  metadata: ReadonlyMap<string, TypedMetadata> = tokenizer.toGguf(),
): Promise<void> {
  const [expected, special] = await llamaIdsOf(metadata, [
    { texts, parseSpecial: false },
    { texts: edgeTexts, parseSpecial: true },
  ]);
  for (const [i, text] of texts.entries()) {
    assert.deepEqual(Array.from(tokenizer.encode(text)), expected[i], JSON.stringify(text.slice(0, 60)));
  }
  for (const [i, text] of edgeTexts.entries()) {
    const ids = Array.from(tokenizer.encode(text, { parseSpecial: true }));
    assert.deepEqual(ids, special[i], JSON.stringify(text));
  }
}

for (const name of judged) {
  test(`${name}: ids of llama.cpp's test strings are llama.cpp's`, { skip }, () => {
    const tokenizer = tokenizerOf(name);
    const file = (ending: string): string =>
      readFileSync(repository!.file(`models/ggml-vocab-${name}.gguf.${ending}`), 'utf8');
    const texts = file('inp').split('\n__ggml_vocab_test__\n');
    const lines = file('out').split('\n');
    for (const [i, text] of texts.entries()) {
      const expected = lines[i].trim().split(/\s+/).filter(Boolean).map(Number);
      assert.deepEqual(Array.from(tokenizer.encode(text)), expected, JSON.stringify(text));
    }
    assert.ok(texts.length >= 46, `${texts.length} strings`);
  });
}

for (const name of names) {
  test(`${name}: ids of the shared texts are llama.cpp's, special tokens too`, needs, async () => {
    // The whole file: the model's name tells of its special tokens too.
    await compare(tokenizerOf(name), await sampleTexts(2000), read(name));
  });
}

test('bert: text is framed by [CLS] and [SEP], and comes back in small letters', { skip }, () => {
  const tokenizer = tokenizerOf('bert-bge');
  const ids = Array.from(tokenizer.encode('Hello, naïve wörld!', { special: true }));
  assert.deepEqual([ids[0], ids.at(-1)], [101, 102]);
  assert.equal(tokenizer.decode(ids.slice(1, -1)), 'hello , naive world !');
  assert.deepEqual(Array.from(tokenizer.encode('Hello', { special: 'start' })), [101, 7592]);
  // No token has this character: the word is one unknown token.
  assert.deepEqual(Array.from(tokenizer.encode('a x\u{1f9ff}y b')), [1037, 100, 1038]);
});

test('nomic-bert-moe: unknown characters in a row are one token, wherever text is cut', { skip }, () => {
  const tokenizer = tokenizerOf('nomic-bert-moe');
  const word = tokenizer.encode('word');
  assert.deepEqual(Array.from(tokenizer.encode(`word ${'\u{e0100}'.repeat(5)}`)).slice(word.length), [6, 3]);
  const line = 'The quick brown fox jumps over 12 lazy dogs. ';
  const [one, many] = [tokenizer.encode(line), tokenizer.encode(line.repeat(1000))];
  assert.equal(many.length, 1000 * one.length);
  assert.deepEqual(many.slice(-one.length), one);
});

/** The 262144 tokens of Gemma 4, which are Gemma 3's but for a few, with the scores that Gemma 3's model file has: by rank. */
function gemma3(): { metadata: Map<string, TypedMetadata>; scores: number[] } {
  const gemma4 = read('gemma-4');
  const tokens = gemma4.get('tokenizer.ggml.tokens')!.value as string[];
  const order = new Map<string, number>();
  for (const merge of gemma4.get('tokenizer.ggml.merges')!.value as string[]) {
    const space = merge.indexOf(' ', 1);
    const piece = merge.slice(0, space) + merge.slice(space + 1);
    if (!order.has(piece)) order.set(piece, order.size);
  }
  const scores = tokens.map((token) => -(order.get(token) ?? order.size));
  const metadata = new Map(gemma4);
  metadata.delete('tokenizer.ggml.merges');
  metadata.set('tokenizer.ggml.model', { type: 'string', value: 'llama' });
  metadata.set('tokenizer.ggml.pre', { type: 'string', value: 'default' });
  metadata.set('tokenizer.ggml.scores', { type: 'array:float32', value: scores });
  return { metadata, scores };
}

test(
  "gemma 3: its SentencePiece vocabulary gives llama.cpp's ids, from GGUF, tokenizer.json and tokenizer.model",
  needs,
  async () => {
    const { metadata, scores } = gemma3();
    const fromGguf = tokenizerFromGguf(untyped(metadata));
    const texts = await sampleTexts(2000);
    await compare(fromGguf, texts);

    const tokens = metadata.get('tokenizer.ggml.tokens')!.value as string[];
    const types = metadata.get('tokenizer.ggml.token_type')!.value as number[];
    const isAdded = (id: number): boolean => types[id] === 3 || types[id] === 4;
    const added = tokens.flatMap((content, id) => (isAdded(id) ? [{ id, content, special: types[id] === 3 }] : []));
    const config = { bos_token: '<bos>', eos_token: '<eos>', add_bos_token: true };
    const fromJson = tokenizerFromHf({
      tokenizer: {
        added_tokens: added,
        normalizer: { type: 'Replace', pattern: { String: ' ' }, content: '▁' },
        pre_tokenizer: { type: 'Split', pattern: { String: ' ' }, behavior: 'MergedWithPrevious', invert: false },
        post_processor: null,
        model: {
          type: 'BPE',
          byte_fallback: true,
          vocab: Object.fromEntries(tokens.map((token, id) => [token, id])),
          merges: read('gemma-4').get('tokenizer.ggml.merges')!.value,
        },
      },
      config,
    });
    const pieces = tokens.map((piece, id) => ({ piece, score: scores[id], type: types[id] }));
    const proto = {
      pieces,
      trainerSpec: { modelType: TrainerSpec_ModelType.BPE },
      normalizerSpec: { addDummyPrefix: false },
    };
    const sentencePiece = toBinary(ModelProtoSchema, create(ModelProtoSchema, proto));
    const fromModel = tokenizerFromHf({ sentencePiece, config });
    for (const made of [fromJson, fromModel]) {
      assert.equal(made.bos, 2);
      for (const text of texts) {
        assert.deepEqual(made.encode(text), fromGguf.encode(text), JSON.stringify(text.slice(0, 60)));
        assert.equal(made.decode(made.encode(text)), text);
      }
    }
    assert.deepEqual(tokenizerFromGguf(untyped(fromJson.toGguf())).encode(texts[20]), fromGguf.encode(texts[20]));
  },
);

test(
  'bert: tokenizer.json and vocab.txt give the ids of the GGUF, and a GGUF made of them llama.cpp’s',
  needs,
  async () => {
    const metadata = untyped(read('bert-bge'));
    const fromGguf = tokenizerOf('bert-bge');
    const spelt = (metadata.get('tokenizer.ggml.tokens') as string[]).map((token) => {
      if (token.startsWith('▁')) return token.slice(1);
      return /^\[.*\]$/.test(token) ? token : `##${token}`;
    });
    const framing = ['[PAD]', '[UNK]', '[CLS]', '[SEP]', '[MASK]'];
    const tokenizer = {
      added_tokens: framing.map((content) => ({ id: spelt.indexOf(content), content, special: true })),
      normalizer: {
        type: 'BertNormalizer',
        clean_text: true,
        handle_chinese_chars: true,
        strip_accents: null,
        lowercase: true,
      },
      pre_tokenizer: { type: 'BertPreTokenizer' },
      post_processor: null,
      model: {
        type: 'WordPiece',
        unk_token: '[UNK]',
        vocab: Object.fromEntries(spelt.map((token, id) => [token, id])),
      },
    };
    const texts = await sampleTexts(1000);
    for (const files of [{ tokenizer }, { words: `${spelt.join('\n')}\n` }]) {
      const tokenizer = tokenizerFromHf(files);
      for (const text of texts) {
        const options = { special: true };
        assert.deepEqual(
          tokenizer.encode(text, options),
          fromGguf.encode(text, options),
          JSON.stringify(text.slice(0, 60)),
        );
      }
      await compare(tokenizer, texts);
    }
    const cased = tokenizerFromHf({ words: spelt.join('\n'), config: { do_lower_case: false } });
    assert.deepEqual(Array.from(cased.encode('Hello hello')), [100, 7592]);
    assert.equal(cased.toGguf().get('tokenizer.ggml.normalizer.lowercase')?.value, false);
    await compare(cased, edgeTexts);
  },
);

test(
  'unigram: tokenizer.json and tokenizer.model give the ids of the GGUF, and a GGUF made of them llama.cpp’s',
  needs,
  async () => {
    const metadata = untyped(read('nomic-bert-moe'));
    const [tokens, scores, types, charsMap] = ['tokens', 'scores', 'token_type', 'precompiled_charsmap'].map(
      (key) => metadata.get(`tokenizer.ggml.${key}`) as (string | number)[],
    );
    const fromGguf = tokenizerOf('nomic-bert-moe');
    const map = Uint8Array.from(charsMap as number[]);
    const special = ['<s>', '<pad>', '</s>', '<unk>', '<mask>'];
    const config = { bos_token: '<s>', eos_token: '</s>', add_bos_token: true, add_eos_token: true };
    const tokenizer = {
      added_tokens: special.map((content) => ({ id: tokens.indexOf(content), content, special: true })),
      normalizer: { type: 'Precompiled', precompiled_charsmap: Buffer.from(map).toString('base64') },
      pre_tokenizer: {
        type: 'Sequence',
        pretokenizers: [{ type: 'WhitespaceSplit' }, { type: 'Metaspace', replacement: '▁', add_prefix_space: true }],
      },
      post_processor: null,
      model: { type: 'Unigram', unk_id: 3, vocab: tokens.map((token, id) => [token, scores[id]]) },
    };
    const pieces = tokens.map((piece, id) => ({
      piece: String(piece),
      score: Number(scores[id]),
      type: Number(types[id]),
    }));
    const normalizerSpec = { addDummyPrefix: true, removeExtraWhitespaces: true, precompiledCharsmap: map };
    const proto = create(ModelProtoSchema, {
      pieces,
      trainerSpec: { modelType: TrainerSpec_ModelType.UNIGRAM },
      normalizerSpec,
    });
    const texts = await sampleTexts(1000);
    for (const files of [{ tokenizer }, { sentencePiece: toBinary(ModelProtoSchema, proto) }]) {
      const tokenizer = tokenizerFromHf({ ...files, config });
      for (const text of texts) {
        const options = { special: true };
        assert.deepEqual(
          tokenizer.encode(text, options),
          fromGguf.encode(text, options),
          JSON.stringify(text.slice(0, 60)),
        );
      }
      await compare(tokenizer, texts.slice(0, 20));
    }
  },
);

test('gemma 4: tokenizer.json gives the ids of the GGUF, and its entries', { skip }, () => {
  const metadata = read('gemma-4');
  const [tokens, types, merges] = ['tokens', 'token_type', 'merges'].map(
    (key) => metadata.get(`tokenizer.ggml.${key}`)!.value as (string | number)[],
  );
  const added = tokens.flatMap((content, id) =>
    types[id] === 3 || types[id] === 4 ? [{ id, content, special: types[id] === 3 }] : [],
  );
  const tokenizer = tokenizerFromHf({
    tokenizer: {
      added_tokens: added,
      normalizer: { type: 'Replace', pattern: { String: ' ' }, content: '▁' },
      pre_tokenizer: { type: 'Split', pattern: { String: ' ' }, behavior: 'MergedWithPrevious', invert: false },
      post_processor: null,
      model: {
        type: 'BPE',
        byte_fallback: true,
        merges,
        vocab: Object.fromEntries(tokens.map((token, id) => [token, id])),
      },
    },
    config: { bos_token: '<bos>', eos_token: '<eos>', unk_token: '<unk>', pad_token: '<pad>', mask_token: '<mask>' },
    model: { model_type: 'gemma4', eos_token_id: [1, 106] },
  });
  const fromGguf = tokenizerOf('gemma-4');
  for (const text of edgeTexts) {
    assert.deepEqual(
      tokenizer.encode(text, { special: true }),
      fromGguf.encode(text, { special: true }),
      JSON.stringify(text),
    );
    assert.equal(tokenizer.decode(tokenizer.encode(text)), text);
  }
  assert.deepEqual(tokenizer.stop, fromGguf.stop);
  const written = tokenizer.toGguf();
  for (const key of [
    'model',
    'tokens',
    'merges',
    'bos_token_id',
    'eos_token_id',
    'add_bos_token',
    'add_space_prefix',
  ]) {
    assert.deepEqual(written.get(`tokenizer.ggml.${key}`), metadata.get(`tokenizer.ggml.${key}`), key);
  }
});

test('special tokens that take white space beside them do, as in llama.cpp', { skip }, async () => {
  const cases: [name: string, text: string][] = [
    ['phi-3', '<|user|>\n Hi <|end|> \n<|assistant|>\n\t x</s>  y <s> z <|endoftext|>  end'],
    ['nomic-bert-moe', 'one  <mask> two<mask>  <s> three'],
  ];
  for (const [name, text] of cases) {
    const all = read(name);
    const [[expected]] = await llamaIdsOf(all, [{ texts: [text], parseSpecial: true }]);
    assert.deepEqual(Array.from(tokenizerOf(name).encode(text, { parseSpecial: true })), expected, name);
    // Without the name that tells, the white space is text.
    const nameless = new Map([...all].filter(([key]) => !key.startsWith('general.')));
    const plain = tokenizerFromGguf(untyped(nameless)).encode(text, { parseSpecial: true });
    if (name === 'phi-3') assert.notDeepEqual(Array.from(plain), expected);
  }
});
