import assert from 'node:assert/strict';
import { readFileSync } from 'node:fs';
import { test } from 'node:test';
import { decodeRows, encodeRows, formats } from '../../src/numeric/table.ts';
import { needsShared, shared } from '../support/shared.ts';
import { weightedError, whyLost } from './samples.ts';

function golden(path: string): Uint8Array | undefined {
  const file = shared(`golden/${path}`);
  return file === undefined ? undefined : new Uint8Array(readFileSync(file));
}

test('decode equals ggml bit for bit', needsShared('golden/ggml'), () => {
  let checked = 0;
  for (const format of formats.values()) {
    const bytes = golden(`ggml/${format.name}.bytes`);
    if (bytes === undefined) continue;
    const expected = new Uint32Array(golden(`ggml/${format.name}.f32`)!.buffer);
    const bits = new Uint32Array(decodeRows(format, bytes, format.blockSize).buffer);
    assert.equal(bits.length, expected.length);
    const wrong = bits.findIndex((value, i) => value !== expected[i]);
    assert.equal(wrong, -1, `${format.name} value ${wrong}`);
    checked++;
  }
  assert.equal(checked, 24);
});

test('encoding without importance has at most the error of the ggml reference', needsShared('golden/ggml'), () => {
  const input = new Float32Array(golden('ggml/encode-input.f32')!.buffer);
  const equal = new Float32Array(1).fill(1);
  let checked = 0;
  for (const format of formats.values()) {
    const reference = golden(`ggml/${format.name}.encoded`);
    if (reference === undefined || format.encodeBlocks === undefined) continue;
    const columns = Math.max(format.blockSize, 32);
    const ours = weightedError(decodeRows(format, encodeRows(format, input, columns), columns), input, equal);
    const theirs = weightedError(decodeRows(format, reference, columns), input, equal);
    assert.ok(ours <= theirs, `${format.name}: ${ours} against ${theirs}`);
    if (format.name === 'BF16') assert.deepEqual(encodeRows(format, input, columns), reference);
    checked++;
  }
  assert.ok(checked >= 7, `${checked} formats`);
});

test('decode what encode made of any blocks: the same values, bit for bit', needsShared('golden/ggml'), () => {
  let checked = 0;
  let named = 0;
  for (const format of formats.values()) {
    const bytes = golden(`ggml/${format.name}.bytes`);
    if (bytes === undefined || format.encodeBlocks === undefined) continue;
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

test('16-bit and 8-bit floats round as NumPy and ml_dtypes do', needsShared('golden/minifloat'), () => {
  const cases = [
    ['F16', 'float16', 2],
    ['BF16', 'bfloat16', 2],
    ['F8_E4M3', 'float8_e4m3fn', 1],
    ['F8_E5M2', 'float8_e5m2', 1],
  ] as const;
  let checked = 0;
  for (const [name, golden16, width] of cases) {
    const input = new Float32Array(golden(`minifloat/${golden16}.in.f32`)!.buffer);
    const expected = golden(`minifloat/${golden16}.out`)!;
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
