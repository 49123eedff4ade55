import assert from 'node:assert/strict';
import { test } from 'node:test';
import { modelCardText } from '../../src/report/model-card.ts';
import { KL_SCALE, klWords } from '../../src/report/scale.ts';
import { sampleReport } from './sample.ts';

test('a model card begins with what hubs read, compares, says how to run, and shows no path of the maker’s machine', () => {
  const sample = sampleReport(2);
  const card = modelCardText({
    ...sample,
    model: { ...sample.model, baseModel: 'someone/small', license: 'apache-2.0' },
    result: { ...sample.result, file: '/home/me/secret/small-5bpw-Q5_K_M.gguf' },
    command: 'bitbudget quantize /home/me/secret/small --target-bpw 5 -o /home/me/secret/small-5bpw-Q5_K_M.gguf',
  });
  assert.match(
    card,
    /^---\nbase_model: someone\/small\nbase_model_relation: quantized\nlicense: apache-2\.0\nlibrary_name: gguf\n/,
  );
  assert.match(card, /llama-cli -m small-5bpw-Q5_K_M\.gguf/);
  assert.match(card, /FROM \.\/small-5bpw-Q5_K_M\.gguf" > Modelfile && ollama create/);
  assert.match(card, /\| this file \| .* \| 0\.055 \|/);
  assert.match(card, /bitbudget quantize small --target-bpw 5 -o small-5bpw-Q5_K_M\.gguf/);
  assert.doesNotMatch(card, /secret|undefined|NaN/);
});

test('a card of a file that nobody measured says so, and names no licence that the source does not', () => {
  const { evaluation: _, ...sample } = sampleReport(2);
  const card = modelCardText(sample);
  assert.match(card, /It was not measured\./);
  assert.doesNotMatch(card, /license|base_model|undefined/);
});

test('the scale of KL has a word for every loss, the worse the larger', () => {
  const seen = [0, 0.0005, 0.002, 0.03, 0.2, 3].map(klWords);
  assert.deepEqual(seen, [seen[0], ...KL_SCALE.map(({ words }) => words)]);
});
