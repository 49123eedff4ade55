import assert from 'node:assert/strict';
import { test } from 'node:test';
import { evaluationWindows } from '../../src/evaluate/evaluate.ts';
import { pairsOfText, readPairs } from '../../src/evaluate/recall.ts';
import { oneMinusCosine, recallOf, vectorScores } from '../../src/evaluate/vectors.ts';
import type { Tokenizer } from '../../src/text/types.ts';
import { configs } from '../support/configs.ts';
import { syntheticModel } from '../support/synthetic.ts';

/** A token for every letter, 1 before a text and 2 behind it. */
const tokenizer = {
  encode: (text: string, { special }: { special?: boolean | 'start' } = {}) =>
    Int32Array.from([
      ...(special ? [1] : []),
      ...Array.from(text, (letter) => letter.codePointAt(0)!),
      ...(special === true ? [2] : []),
    ]),
} as Tokenizer;

test('1 − cosine of unit vectors is half their squared distance, text by text', () => {
  const [a, b] = [Float32Array.of(1, 0, 0.6, 0.8), Float32Array.of(0, 1, 0.6, 0.8)];
  assert.equal(oneMinusCosine(a, b, 2), 1);
  assert.deepEqual([...vectorScores(a, b, 2).kl], [1, 0]);
  assert.throws(() => vectorScores(a, Float32Array.of(1, 0), 2), /vectors of 2 and 1 numbers cannot be compared/);
});

test('recall@1 counts queries whose own text is nearer than all others', () => {
  const texts = Float32Array.of(1, 0, 0, 1, -1, 0);
  const right = { queries: Float32Array.of(0.8, 0.6, 0, 1, -1, 0), texts };
  // The second query is as near to the first text as to its own, which is no hit; the third is at the first.
  const wrong = { queries: Float32Array.of(1, 0, Math.SQRT1_2, Math.SQRT1_2, 1, 0), texts };
  const { pairs, model, reference } = recallOf(wrong, right, 3);
  assert.deepEqual([pairs, model.mean, reference.mean], [3, 1 / 3, 1]);
});

test('of a text by itself every window’s first quarter asks for the rest, each with what frames it', () => {
  const tokens = Int32Array.from({ length: 25 }, (_, i) => 10 + i);
  const pairs = pairsOfText(tokenizer, tokens, 10);
  assert.equal(pairs.length, 2);
  assert.deepEqual([...pairs[0].query], [1, 10, 11, 2]);
  assert.deepEqual([...pairs[0].text], [1, 12, 13, 14, 15, 16, 17, 2]);
  assert.ok(pairs.every(({ text }) => text.length <= 10));
});

test('pairs of a file are two columns or JSON, cut to the context with what ends a text kept', () => {
  const file = 'ab\tcdefghij\n{"query": "k", "text": "l"}\n\n';
  const [first, second] = readPairs(tokenizer, file, 'p.tsv', 5);
  assert.deepEqual([...first.text], [1, 99, 100, 101, 2]);
  assert.deepEqual([...second.query], [1, 107, 2]);
  for (const [bad, found] of [
    ['a b\nc\td', /p\.tsv, line 1: expected \{"query"/],
    ['a\tb\n{"query": 3, "text": "x"}', /line 2: expected/],
    ['{"query"', /line 1: is no JSON/],
    ['a\tb', /1 pairs, expected two or more/],
  ] as const)
    assert.throws(() => readPairs(tokenizer, bad, 'p.tsv', 5), found);
});

test('windows of encoders are texts of their own, framed at both ends', async () => {
  const model = await syntheticModel('BertModel', configs.BertModel);
  const framing = { ...model, tokenizer };
  const tokens = Int32Array.from({ length: 20 }, (_, i) => 300 + i);
  const windows = evaluationWindows(framing, tokens, { length: 8 });
  assert.equal(windows.scoredPerWindow, 1);
  assert.deepEqual([...windows.tokens], [1, 301, 302, 303, 304, 305, 306, 2, 1, 309, 310, 311, 312, 313, 314, 2]);
});
