import assert from 'node:assert/strict';
import { readFileSync } from 'node:fs';
import { test } from 'node:test';
import { Random } from '../../src/core/random.ts';
import { createReferenceKernels } from '../../src/kernels/reference/index.ts';
import { decodeRows, format, rowBytes } from '../../src/numeric/table.ts';
import { diagonalCurvature } from '../../src/quantize/curvature.ts';
import { llama } from '../../src/quantize/rounding/llama/llama.ts';

/*
 * Blocks that llama.cpp's own ggml_quantize_chunk (libggml-base 0.25.1) makes of these two rows, without an importance matrix and
 * with one.
 */
const theirs = JSON.parse(readFileSync(new URL('./llama-quantize-blocks.json', import.meta.url), 'utf8')) as Record<
  string,
  Record<'plain' | 'weighted', string>
>;

const COLUMNS = 256;
const random = new Random(5);
const weight = Float32Array.from(
  { length: 2 * COLUMNS },
  () => 0.02 * random.normal() * (random.uniform() < 0.02 ? 6 : 1),
);
const importance = Float32Array.from({ length: COLUMNS }, () => Math.exp(random.normal()));

function rounded(name: string, diagonal: Float32Array): Uint8Array {
  const target = format(name);
  const blocks = new Uint8Array(2 * rowBytes(target, COLUMNS));
  llama.prepare(createReferenceKernels(), diagonalCurvature(diagonal))(target, weight, blocks);
  return blocks;
}

function error(name: string, blocks: Uint8Array, weights: Float32Array): number {
  const values = decodeRows(format(name), blocks, COLUMNS);
  return weight.reduce((sum, value, i) => sum + weights[i % COLUMNS] * (value - values[i]) ** 2, 0);
}

const flat = new Float32Array(COLUMNS).fill(1);

test('rounding as llama-quantize: the same blocks as its own but for 1 % of the bytes, and the same error to 0.5 %', () => {
  let checked = 0;
  for (const [name, kinds] of Object.entries(theirs))
    for (const [kind, text] of Object.entries(kinds)) {
      const weights = kind === 'plain' ? flat : importance;
      const ours = rounded(name, weights);
      const other = Uint8Array.from(Buffer.from(text, 'base64'));
      assert.equal(ours.length, other.length);
      const unlike = ours.filter((byte, i) => byte !== other[i]).length / ours.length;
      assert.ok(unlike <= 0.01, `${name} ${kind}: ${(100 * unlike).toFixed(1)} % of the bytes differ`);
      const ratio = error(name, ours, weights) / error(name, other, weights);
      assert.ok(Math.abs(ratio - 1) < 0.005, `${name} ${kind}: ${ratio}`);
      checked++;
    }
  assert.equal(checked, 8);
});

test('an importance matrix lowers the error that it weighs, in every type that takes one', () => {
  let checked = 0;
  for (const name of ['Q5_0', 'Q4_K', 'Q6_K']) {
    const [with_, without] = [rounded(name, importance), rounded(name, flat)];
    assert.ok(error(name, with_, importance) < error(name, without, importance), name);
    checked++;
  }
  assert.equal(checked, 3);
});

test('rows of zeros become zeros; a type that its files do not use is refused by name', () => {
  for (const name of Object.keys(theirs)) {
    const target = format(name);
    const blocks = new Uint8Array(rowBytes(target, COLUMNS));
    llama.prepare(createReferenceKernels(), diagonalCurvature(importance))(target, new Float32Array(COLUMNS), blocks);
    assert.ok(
      decodeRows(target, blocks, COLUMNS).every((value) => value === 0),
      name,
    );
  }
  assert.throws(() => rounded('Q3_K', flat), /Q3_K: llama-quantize's rounding is known for Q8_0, Q5_0, Q4_K, Q6_K/);
});
