import assert from 'node:assert/strict';
import { test } from 'node:test';
import type { BitPlan } from '../../src/allocate/types.ts';
import { mixBits, nearestLabel } from '../../src/cli/support/formats.ts';
import { knee, landmarks } from '../../src/cli/support/landmarks.ts';
import { shortBits, shortName } from '../../src/cli/support/name.ts';
import { describePrediction, formatKl, peerLines } from '../../src/cli/support/words.ts';

test('a model is called by its folder, file or repository, without its path, parts and how it is stored', () => {
  const cases: [string, string][] = [
    ['/models/SmolLM2-135M/', 'SmolLM2-135M'],
    ['dir/model.gguf', 'model'],
    ['dir/Model-1B-F16.gguf', 'Model-1B'],
    ['big-00001-of-00003.gguf', 'big'],
    ['hf:user/repo', 'repo'],
    ['hf:user/repo:Q8_0', 'repo'],
    ['https://huggingface.co/user/other', 'other'],
  ];
  for (const [argument, name] of cases) assert.equal(shortName(argument), name);
  assert.equal(cases.length, 7);
  assert.deepEqual([4.5, 3.5666, 8].map(shortBits), ['4.5', '3.57', '8']);
});

test('mixes of llama-quantize stand for a size; a size has the nearest label that hubs know', () => {
  assert.deepEqual(['q4_k_m', 'Q5_K_S', 'Q4_K'].map(mixBits), [4.89, 5.57, undefined]);
  assert.deepEqual([2.1, 4.5, 5.2, 8].map(nearestLabel), ['IQ1_S', 'Q4_K_M', 'Q4_K_M', 'Q8_0']);
});

test('KL is a decimal that people can compare, and a prediction says whether it was corrected', () => {
  assert.deepEqual([0, 3e-7, 0.0000384, 0.00171, 0.123, 2.5].map(formatKl), [
    '0',
    'below 0.000001',
    '0.0000384',
    '0.00171',
    '0.123',
    '2.50',
  ]); // prettier-ignore
  const prediction = { kl: 0.0017, klInterval: { low: 0.0015, high: 0.0019 } };
  assert.equal(
    describePrediction({ ...prediction, corrected: true }),
    '0.00170 (0.00150 to 0.00190 in nine of ten cases)',
  );
  assert.match(
    describePrediction({ ...prediction, corrected: false }),
    /; not yet corrected by evaluations of this model\)$/,
  );
});

test('peers end in an answer for each', () => {
  const peer = { name: 'Q4_K_M', kind: 'llama-quantize', fileBytes: 6e6, bitsPerWeight: 4.8 } as const;
  const lines = peerLines([{ ...peer, predicted: { kl: 0.02, klError: 0.001 } }], { fileBytes: 3e6, kl: 0.01 });
  assert.match(lines[1], /^Q4_K_M by llama-quantize +6 000 000 bytes \(6\.00 MB\) +4\.80 +0\.0200 predicted$/);
  assert.equal(lines[2], 'against    Q4_K_M: 0.50 of its loss in 0.50 of its bytes');
  assert.deepEqual(peerLines([], { fileBytes: 1, kl: 1 }), []);
});

/** Plans of a model of a million weights. */
function planOf(bits: number, kl: number): BitPlan {
  const prediction = { fileBytes: (bits * 1e6) / 8, kl, klError: 0, status: 'optimal', bound: kl, gap: 0 } as const;
  return { version: 2, rounding: 'gptq', sites: {}, prediction };
}

test('landmarks: quarters of a bit to 5, halves to 8, none below what can be measured; the knee is where the slope breaks', () => {
  const bits = Array.from({ length: 33 }, (_, i) => 2 + i / 4);
  // Sixteen times less for every bit up to 4, four times from there on.
  const kl = (b: number) => 0.5 * (b < 4 ? 16 ** (2 - b) : 16 ** -2 * 4 ** (4 - b));
  const plans = bits.map((b) => planOf(b, kl(b)));
  const shown = landmarks(plans, 1e6);
  assert.deepEqual(
    shown.map(({ prediction }) => (8 * prediction!.fileBytes) / 1e6),
    [...Array.from({ length: 13 }, (_, i) => 2 + i / 4), 5.5, 6, 6.5, 7, 7.5, 8],
  );
  assert.equal(shown[knee(shown)].prediction!.fileBytes, (4 * 1e6) / 8);
  const vanishing = landmarks(
    bits.map((b) => planOf(b, b < 4 ? 0.01 : 1e-7)),
    1e6,
  );
  assert.ok(vanishing.every(({ prediction }) => prediction!.kl >= 1e-6) && vanishing.length === 8);
  assert.equal(knee([plans[0]]), -1);
});
