import assert from 'node:assert/strict';
import { readFileSync } from 'node:fs';
import { after, test } from 'node:test';
import { assetPath, tinyModel } from '../../src/text/assets.node.ts';
import { tokenizerFromGguf } from '../../src/text/gguf.ts';
import { tokenizerFromHf } from '../../src/text/hf.ts';
import { preTokenizers } from '../../src/text/pre-tokenizers.ts';
import type { Tokenizer } from '../../src/text/types.ts';
import { readVocabularyFile, untyped } from '../support/gguf-metadata.ts';
import { llamaCpp, llamaIds } from '../support/llama-vocabulary.ts';
import { needsShared, shared } from '../support/shared.ts';
import { edgeTexts, sampleTexts } from '../support/texts.ts';

after(async () => (await llamaCpp()).dispose());

async function compare(
  tokenizer: Tokenizer,
  texts: readonly string[],
  { parseSpecial = false, decodes = true }: { parseSpecial?: boolean; decodes?: boolean } = {},
): Promise<void> {
  const expected = await llamaIds(tokenizer.toGguf(), texts, parseSpecial);
  assert.equal(expected.length, texts.length);
  for (const [i, text] of texts.entries()) {
    const ids = tokenizer.encode(text, { parseSpecial });
    assert.deepEqual(Array.from(ids), expected[i], JSON.stringify(text.slice(0, 60)));
    // SPM puts a space after special tokens, which no decoder can tell from one of the text.
    if (decodes && !parseSpecial) assert.equal(tokenizer.decode(ids), text);
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
      await compare(tokenizer, await sampleTexts(3000));
      await compare(tokenizer, edgeTexts, { parseSpecial: true });
    },
  );
}

for (const name of ['gpt-2', 'llama-spm', 'deepseek-coder']) {
  const file = `golden/vocab/${name}.gguf.gz`;
  test(`${name}: ids of the shared texts are llama.cpp's`, needsShared('text', file), async () => {
    const tokenizer = tokenizerFromGguf(untyped(readVocabularyFile(shared(file)!)));
    await compare(tokenizer, await sampleTexts(3000));
    await compare(tokenizer, edgeTexts, { parseSpecial: true });
  });
}

test('every pre-tokenizer splits as llama.cpp does', needsShared('text'), async () => {
  const texts = await sampleTexts(1000);
  const metadata = folder(assetPath(tinyModel)).toGguf();
  let compared = 0;
  for (const { names, spelling } of preTokenizers) {
    metadata.set('tokenizer.ggml.pre', { type: 'string', value: names[0] });
    const model = names[0] === 'whitespace' ? 'whitespace' : 'gpt2';
    metadata.set('tokenizer.ggml.model', { type: 'string', value: model });
    // The vocabulary has the byte alphabet: where words are not spelt in it, ids are compared, and no text comes back.
    await compare(tokenizerFromGguf(untyped(metadata)), texts, { decodes: spelling === undefined });
    compared++;
  }
  assert.equal(compared, preTokenizers.length);
});
