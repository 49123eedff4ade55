import assert from 'node:assert/strict';
import { readdirSync, readFileSync } from 'node:fs';
import { after, test } from 'node:test';
import { assetPath, tinyModel } from '../../src/text/assets.node.ts';
import { tokenizerFromGguf } from '../../src/text/gguf.ts';
import { tokenizerFromHf } from '../../src/text/hf.ts';
import { loadText } from '../../src/text/load.node.ts';
import { preTokenizers } from '../../src/text/pre-tokenizers.ts';
import type { Tokenizer } from '../../src/text/types.ts';
import { readVocabularyFile, untyped } from '../support/gguf-metadata.ts';
import { llamaCpp, llamaIds } from '../support/llama-vocabulary.ts';
import { needsShared, shared } from '../support/shared.ts';

after(async () => (await llamaCpp()).dispose());

const edges = [
  '',
  ' ',
  'a',
  "I'Ve we'LL 'tis it's",
  '\u00a0\u3000\u2003 x\u200by\ufeffz',
  'line\r\nline\n\n\n\tindent\n',
  '<|endoftext|> </s> <s> <|im_end|>',
  'é e\u0301 \u0e01\u0e33 ﬁ ½ ² ③ \u{1d7d8}\u{1f9ff}',
  '1234567 3.14 १२३ ۱۲۳',
  'camelCaseWord приветМир ΑΒγδ ǅungla',
  '\u0000\u0001\u007f',
];

/** Pieces of all shared texts and the edge cases. */
async function samples(length: number): Promise<string[]> {
  const folder = shared('text')!;
  const texts: string[] = [...edges];
  for (const name of readdirSync(folder).filter((file) => file.endsWith('.gz'))) {
    const { text } = await loadText([`${folder}/${name}`]);
    for (const share of [0.1, 0.7]) {
      const start = Math.floor(text.length * share);
      texts.push(text.slice(start, start + length).toWellFormed());
    }
  }
  return texts;
}

async function compare(tokenizer: Tokenizer, texts: readonly string[], parseSpecial = false): Promise<void> {
  const expected = await llamaIds(tokenizer.toGguf(), texts, parseSpecial);
  assert.equal(expected.length, texts.length);
  for (const [i, text] of texts.entries()) {
    const ids = tokenizer.encode(text, { parseSpecial });
    assert.deepEqual(Array.from(ids), expected[i], JSON.stringify(text.slice(0, 60)));
    // SPM puts a space after special tokens, which no decoder can tell from one of the text.
    if (!parseSpecial) assert.equal(tokenizer.decode(ids), text);
  }
}

const json = (path: string): object => JSON.parse(readFileSync(path, 'utf8'));
const folder = (path: string): Tokenizer =>
  tokenizerFromHf({
    tokenizer: json(`${path}/tokenizer.json`),
    config: json(`${path}/tokenizer_config.json`),
    model: json(`${path}/config.json`),
  });

for (const [name, path] of [
  ['tiny', assetPath(tinyModel)],
  ['smollm2-135m', shared('models/smollm2-135m')],
] as const) {
  test(
    `${name}: llama.cpp reads our GGUF vocabulary to the same ids`,
    needsShared('text', `models/${name}`),
    async () => {
      const tokenizer = folder(path!);
      await compare(tokenizer, await samples(3000));
      await compare(tokenizer, edges, true);
    },
  );
}

for (const name of ['gpt-2', 'llama-spm', 'deepseek-coder']) {
  const file = `golden/vocab/${name}.gguf.gz`;
  test(`${name}: ids of the shared texts are llama.cpp's`, needsShared('text', file), async () => {
    const tokenizer = tokenizerFromGguf(untyped(readVocabularyFile(shared(file)!)));
    await compare(tokenizer, await samples(3000));
    await compare(tokenizer, edges, true);
  });
}

test('every pre-tokenizer splits as llama.cpp does', needsShared('text'), async () => {
  const texts = await samples(1000);
  const metadata = folder(assetPath(tinyModel)).toGguf();
  let compared = 0;
  for (const { names } of preTokenizers) {
    metadata.set('tokenizer.ggml.pre', { type: 'string', value: names[0] });
    await compare(tokenizerFromGguf(untyped(metadata)), texts);
    compared++;
  }
  assert.equal(compared, preTokenizers.length);
});
