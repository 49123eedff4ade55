import assert from 'node:assert/strict';
import { existsSync } from 'node:fs';
import { test } from 'node:test';
import { decodeRows, encodeRows, formats } from '../../src/numeric/table.ts';
import type { NumberFormat } from '../../src/numeric/types.ts';
import { golden, goldenFloats } from '../support/golden.ts';
import { weightedError, whyLost } from './samples.ts';

/** Formats that the golden data has a file of. */
function formatsWith(extension: 'bytes' | 'encoded'): NumberFormat[] {
  const has = ({ name }: NumberFormat) => existsSync(new URL(`../golden/ggml/${name}.${extension}`, import.meta.url));
  return [...formats.values()].filter(has);
}

test('decode equals ggml bit for bit', () => {
  let checked = 0;
  for (const format of formatsWith('bytes')) {
    const bytes = golden(`ggml/${format.name}.bytes`);
    const expected = new Uint32Array(golden(`ggml/${format.name}.f32`).buffer);
    const bits = new Uint32Array(decodeRows(format, bytes, format.blockSize).buffer);
    assert.equal(bits.length, expected.length);
    const wrong = bits.findIndex((value, i) => value !== expected[i]);
    assert.equal(wrong, -1, `${format.name} value ${wrong}`);
    checked++;
  }
  assert.equal(checked, 24);
});

test('encoding without importance has at most the error of the ggml reference', () => {
  const input = goldenFloats('ggml/encode-input.f32');
  const equal = new Float32Array(1).fill(1);
  let checked = 0;
  for (const format of formatsWith('encoded')) {
    const reference = golden(`ggml/${format.name}.encoded`);
    const columns = Math.max(format.blockSize, 32);
    const ours = weightedError(decodeRows(format, encodeRows(format, input, columns), columns), input, equal);
    const theirs = weightedError(decodeRows(format, reference, columns), input, equal);
    assert.ok(ours <= theirs, `${format.name}: ${ours} against ${theirs}`);
    if (format.name === 'BF16') assert.deepEqual(encodeRows(format, input, columns), reference);
    checked++;
  }
  assert.ok(checked >= 7, `${checked} formats`);
});

test('decode what encode made of any blocks: the same values, bit for bit', () => {
  let checked = 0;
  let named = 0;
  for (const format of formatsWith('bytes')) {
    const bytes = golden(`ggml/${format.name}.bytes`);
    const { blockSize, blockBytes } = format;
    for (let at = 0; at < bytes.length; at += blockBytes, checked++) {
      const block = bytes.subarray(at, at + blockBytes);
      const values = decodeRows(format, block, blockSize);
      const once = decodeRows(format, encodeRows(format, values, blockSize), blockSize);
      const wrong = values.findIndex((value, i) => value !== once[i]);
      if (wrong === -1) continue;
      assert.ok(whyLost(format, block), `${format.name}, block ${at / blockBytes}, value ${wrong}: ${once[wrong]}`);
      named++;
    }
  }
  assert.ok(checked >= 22 * 64, `${checked} blocks`);
  assert.ok(named <= 0.1 * checked, `${named} of ${checked} blocks are exceptions`);
});

test('16-bit and 8-bit floats round as NumPy and ml_dtypes do', () => {
  const cases = [
    ['F16', 'float16', 2],
    ['BF16', 'bfloat16', 2],
    ['F8_E4M3', 'float8_e4m3fn', 1],
    ['F8_E5M2', 'float8_e5m2', 1],
  ] as const;
  let checked = 0;
  for (const [name, golden16, width] of cases) {
    const input = goldenFloats(`minifloat/${golden16}.in.f32`);
    const expected = golden(`minifloat/${golden16}.out`);
    const found = encodeRows(formats.get(name)!, input, input.length);
    for (let i = 0; i < input.length; i++) {
      if (Number.isNaN(input[i])) continue; // any NaN is right
      for (let k = 0; k < width; k++) {
        assert.equal(found[width * i + k], expected[width * i + k], `${name} of ${input[i]}, byte ${k}`);
      }
      checked++;
    }
  }
  assert.ok(checked > 6000, `${checked} values`);
});
