import assert from 'node:assert/strict';
import { test } from 'node:test';
import { Random } from '../../src/core/random.ts';
import { greedy, type SamplerOptions, sample } from '../../src/run/sampler.ts';

const logits = Float32Array.from([1, 3, 2, -1, 3, 0]);
const all = { topK: 0, topP: 1, minP: 0, temperature: 1 };

/** Share of each id among many draws. */
function shares(options: SamplerOptions, recent: number[] = []): number[] {
  const random = new Random(7);
  const counts = new Array(logits.length).fill(0);
  const draws = 20000;
  for (let i = 0; i < draws; i++) counts[sample(logits, recent, random, options)]++;
  return counts.map((count) => count / draws);
}

function softmax(values: readonly number[]): number[] {
  const weights = values.map(Math.exp);
  const sum = weights.reduce((a, b) => a + b);
  return weights.map((weight) => weight / sum);
}

function assertShares(found: number[], expected: number[]): void {
  for (const [i, share] of found.entries())
    assert.ok(Math.abs(share - expected[i]) < 0.015, `${i}: ${share} for ${expected[i]}`);
}

test('greedy takes the first of the largest', () => {
  assert.equal(greedy(logits), 1);
  assert.equal(sample(logits, [], new Random(1), { temperature: 0 }), 1);
});

test('draws follow the softmax at a temperature', () => {
  assertShares(shares(all), softmax([...logits]));
  assertShares(shares({ ...all, temperature: 2 }), softmax([...logits].map((value) => value / 2)));
});

test('top-k, top-p and min-p keep what they say', () => {
  const three = softmax([3, 2, 3]);
  assertShares(shares({ ...all, topK: 3 }), [0, three[0], three[1], 0, three[2], 0]);
  assertShares(shares({ ...all, topP: 0.5 }), [0, 0.5, 0, 0, 0.5, 0]);
  assertShares(shares({ ...all, minP: 0.3 }), [0, three[0], three[1], 0, three[2], 0]);
  assertShares(shares({ ...all, topP: 0 }), [0, 1, 0, 0, 0, 0]);
});

test('the repeat penalty divides positive and multiplies negative logits, within its window', () => {
  assertShares(shares({ ...all, repeatPenalty: 2 }, [1, 3, 3]), softmax([1, 1.5, 2, -2, 3, 0]));
  assertShares(shares({ ...all, repeatPenalty: 2, repeatWindow: 1 }, [1, 4, 0]), softmax([0.5, 3, 2, -1, 3, 0]));
});

test('a large vocabulary is sorted alike by both ways of choosing the largest', () => {
  const random = new Random(3);
  const many = Float32Array.from({ length: 5000 }, () => random.normal());
  let compared = 0;
  for (let seed = 0; seed < 20; seed++) {
    const [few, sorted] = [256, 257].map((topK) => sample(many, [], new Random(seed), { ...all, topK, topP: 0.01 }));
    assert.equal(few, sorted);
    compared++;
  }
  assert.equal(compared, 20);
});

test('the same seed draws the same', () => {
  const draw = (seed: number): number[] => {
    const random = new Random(seed);
    return Array.from({ length: 20 }, () => sample(logits, [], random, all));
  };
  assert.deepEqual(draw(5), draw(5));
  assert.notDeepEqual(draw(5), draw(6));
});
