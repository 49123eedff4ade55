import assert from 'node:assert/strict';
import { after, test } from 'node:test';
import { tokenizerFromGguf } from '../../src/text/gguf.ts';
import { type HfTokenizerFiles, tokenizerFromHf } from '../../src/text/hf.ts';
import type { Tokenizer } from '../../src/text/types.ts';
import { untyped } from '../support/gguf-metadata.ts';
import { llamaCpp, llamaEnds } from '../support/llama-vocabulary.ts';

after(async () => (await llamaCpp()).dispose());

/** Byte-level BPE of the printable ASCII characters (ids 0 to 93) and these special tokens behind them. */
function tokenizer(specials: readonly string[], files: HfTokenizerFiles = {}): Tokenizer {
  const vocab = Object.fromEntries(Array.from({ length: 94 }, (_, i) => [String.fromCharCode(33 + i), i]));
  return tokenizerFromHf({
    tokenizer: {
      added_tokens: specials.map((content, i) => ({ id: 94 + i, content, special: true })),
      normalizer: null,
      pre_tokenizer: { type: 'ByteLevel', add_prefix_space: false, use_regex: true },
      post_processor: null,
      model: { type: 'BPE', vocab, merges: [] },
    },
    ...files,
  });
}
const five = ['<s>', '<a>', '<b>', '<c>', '<d>'];
const [a, b, c, d] = [95, 96, 97, 98];

const cases: [name: string, specials: readonly string[], files: HfTokenizerFiles, stop: number[]][] = [
  ['one id in config.json', five, { model: { eos_token_id: a } }, [a]],
  ['a list in config.json', five, { model: { eos_token_id: [a, b] } }, [a, b]],
  [
    'a list in generation_config.json',
    five,
    { model: { eos_token_id: a }, generation: { eos_token_id: [a, c] } },
    [a, c],
  ],
  ['a list inside of text_config', five, { model: { text_config: { eos_token_id: [b, c] } } }, [b, c]],
  [
    'the tokenizer’s own and the model’s others',
    five,
    { config: { eos_token: '<a>' }, model: { eos_token_id: [b, c] } },
    [a, b, c],
  ],
  ['a token whose text tells', ['<s>', '<|im_end|>'], { model: { eos_token_id: 94 } }, [94, 95]],
  ['eos in special_tokens_map.json', five, { specialTokensMap: { eos_token: { content: '<b>' } } }, [b]],
  ['an id beyond the vocabulary is none', five, { model: { eos_token_id: [a, 500] } }, [a]],
];

for (const [name, specials, files, stop] of cases) {
  test(`ends of text: ${name}; a GGUF made of it ends there in llama.cpp too`, async () => {
    const made = tokenizer(specials, files);
    assert.deepEqual(made.stop, stop);
    const gguf = made.toGguf();
    assert.deepEqual(tokenizerFromGguf(untyped(gguf)).stop, stop);
    assert.deepEqual(await llamaEnds(gguf), stop);
  });
}

test('ends of text: more than llama.cpp has places for are kept for bitbudget', async () => {
  const made = tokenizer([...five, '<e>'], { model: { eos_token_id: [a, b, c, d, 99] } });
  assert.deepEqual(made.stop, [a, b, c, d, 99]);
  const gguf = made.toGguf();
  assert.deepEqual(await llamaEnds(gguf), [a, b, c]);
  const again = tokenizerFromGguf(untyped(gguf));
  assert.deepEqual(again.stop, [a, b, c, d, 99]);
  assert.deepEqual(tokenizerFromGguf(untyped(again.toGguf())).stop, [a, b, c, d, 99]);
});

test('ends of text: tokens between files, which a GGUF names, end it as in llama.cpp', async () => {
  const gguf = tokenizer(five, { model: { eos_token_id: a } }).toGguf();
  for (const [name, id] of [
    ['pad', b],
    ['rep', c],
    ['sep', d],
  ] as const) {
    gguf.set(`tokenizer.ggml.fim_${name}_token_id`, { type: 'uint32', value: id });
  }
  assert.deepEqual(tokenizerFromGguf(untyped(gguf)).stop, [a, b, c, d]);
  assert.deepEqual(await llamaEnds(gguf), [a, b, c, d]);
});

test('ends of text: what looks like an end and stands inside of a turn is none', async () => {
  const calls = tokenizer(['<|end|>', '<|call|>', '<|return|>'], { model: { eos_token_id: 96 } });
  // node-llama-cpp adds llama.cpp's end of turn, `<|end|>`, to llama.cpp's own ends.
  assert.deepEqual(calls.stop, [95, 96]);
  const responses = tokenizer(['</s>', '<|tool_response>', '<eos>'], { model: { eos_token_id: 96 } });
  assert.deepEqual(responses.stop, [95, 96]);
  assert.deepEqual(await llamaEnds(responses.toGguf()), [95, 96]);
});

test('a prompt is never finished: flags that add an end of text work on whole texts alone', () => {
  const flags: HfTokenizerFiles[] = [
    { config: { bos_token: '<s>', eos_token: '<a>', add_bos_token: true, add_eos_token: true } },
    {
      config: { bos_token: '<s>', add_bos_token: true, add_eos_token: true },
      model: { eos_token_id: [a, b], architectures: ['MistralForCausalLM'] },
    },
    { specialTokensMap: { bos_token: '<s>', eos_token: '<a>' }, config: { add_bos_token: true, add_eos_token: true } },
  ];
  for (const files of flags) {
    const made = tokenizer(five, files);
    assert.deepEqual(Array.from(made.encode('!', { special: true })), [94, 0, a]);
    assert.deepEqual(Array.from(made.encode('!', { special: 'start' })), [94, 0]);
    // Such a file would end every prompt in llama.cpp; its tools refuse it.
    assert.equal(made.toGguf().has('tokenizer.ggml.add_eos_token'), false);
  }
  const embedding = tokenizer(five, { ...flags[0], model: { architectures: ['Qwen3Model'] } });
  assert.equal(embedding.toGguf().get('tokenizer.ggml.add_eos_token')?.value, true);
});
