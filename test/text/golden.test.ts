import assert from 'node:assert/strict';
import { readFileSync } from 'node:fs';
import { test } from 'node:test';
import { tokenizerFromGguf } from '../../src/text/gguf.ts';
import { readVocabularyFile, untyped } from '../support/gguf-metadata.ts';
import { needsShared, shared } from '../support/shared.ts';

for (const name of ['gpt-2', 'llama-bpe', 'llama-spm', 'qwen2', 'starcoder', 'deepseek-coder']) {
  const base = `golden/vocab/${name}`;
  test(`${name}: ids of llama.cpp's test strings are llama.cpp's`, needsShared(`${base}.gguf.gz`), () => {
    const metadata = readVocabularyFile(shared(`${base}.gguf.gz`)!);
    const tokenizer = tokenizerFromGguf(untyped(metadata));
    const texts = readFileSync(shared(`${base}.inp`)!, 'utf8').split('\n__ggml_vocab_test__\n');
    const lines = readFileSync(shared(`${base}.out`)!, 'utf8').split('\n');
    let compared = 0;
    for (const [i, text] of texts.entries()) {
      const expected = lines[i].trim().split(/\s+/).filter(Boolean).map(Number);
      assert.deepEqual(Array.from(tokenizer.encode(text)), expected, JSON.stringify(text));
      assert.equal(tokenizer.decode(expected), text);
      compared++;
    }
    assert.equal(compared, 47);
    for (const [key, entry] of tokenizer.toGguf()) assert.deepEqual(entry, metadata.get(key), key);
  });
}
