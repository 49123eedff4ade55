import assert from 'node:assert/strict';
import { test } from 'node:test';
import { Random } from '../../src/core/random.ts';
import { DOUBLE_ROUNDING_INT8, MATRYOSHKA_INT8, type NestedFormat } from '../../src/numeric/families/nested.ts';
import { entry } from '../../src/numeric/registry.ts';
import { roundAgain, sliceMsb } from '../../src/numeric/search/groups/nested.ts';
import { encodeRows } from '../../src/numeric/table.ts';

const random = new Random(1);
const values = Float32Array.from({ length: 64 * 128 }, () => random.normal());

function error(a: Float32Array, b: Float32Array): number {
  return a.reduce((sum, v, i) => sum + (v - b[i]) ** 2, 0) / a.length;
}

function errorOf(name: string): number {
  const { tensor } = entry(name);
  const out = new Float32Array(values.length);
  tensor.decode(tensor.encode(values, 128), 128, out);
  return error(values, out);
}

function nestedError(format: NestedFormat, bits: number): number {
  const out = new Float32Array(values.length);
  format.decodeAt(encodeRows(format, values, 128), out, bits);
  return error(values, out);
}

test('Matryoshka: an r-bit model is the upper r bits of the code, rounded by the next bit without overflow', () => {
  let checked = 0;
  for (let q = -128; q <= 127; q++) {
    for (let bits = 2; bits <= 8; bits++) {
      const offset = q + 128;
      const carry = bits === 8 ? 0 : (offset >> (7 - bits)) & 1;
      const upper = Math.min((offset >> (8 - bits)) + carry, 2 ** bits - 1);
      assert.equal(sliceMsb(q, bits), (upper << (8 - bits)) - 128, `${q} at ${bits} bits`);
      assert.ok(Math.abs(roundAgain(q, bits) - q) <= 2 ** (8 - bits), `${q} at ${bits} bits`);
      checked++;
    }
    assert.equal(sliceMsb(q, 8), q);
    assert.equal(roundAgain(q, 8), q);
  }
  assert.equal(checked, 256 * 7);
});

test('narrower models out of one int8 tensor: error at 4 bits below 1.3, at 6 below 1.6 times that of own integers', () => {
  for (const format of [MATRYOSHKA_INT8, DOUBLE_ROUNDING_INT8]) {
    const four = nestedError(format, 4) / errorOf('INT4_G128');
    const six = nestedError(format, 6) / errorOf('INT6_G128');
    assert.ok(four < 1.3 && six < 1.6, `${format.name}: ${four} at 4 bits, ${six} at 6`);
    assert.ok(nestedError(format, 2) < 0.3, `${format.name}: ${nestedError(format, 2)} at 2 bits`);
    assert.throws(
      () => format.decodeAt(new Uint8Array(130), new Float32Array(128), 1),
      /read at 1 bits: expected 2 to 8/,
    );
  }
});

test('more bits, finer scales and smaller groups lower the error of Gaussian rows', () => {
  for (const kind of ['INT', 'SINT', 'UINT'])
    for (let bits = 3; bits <= 8; bits++)
      assert.ok(errorOf(`${kind}${bits}_G128`) < 0.5 * errorOf(`${kind}${bits - 1}_G128`), `${kind}${bits}`);
  assert.ok(errorOf('INT4_G128') < errorOf('INT4_G128_UE4M3'));
  assert.ok(errorOf('INT4_CHANNEL') < errorOf('INT4_TENSOR'));
});
