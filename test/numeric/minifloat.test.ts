import assert from 'node:assert/strict';
import { test } from 'node:test';
import { F8_E4M3, F8_E5M2, type Minifloat } from '../../src/core/minifloat.ts';
import { minifloats } from '../../src/numeric/families/minifloat.ts';
import { SCALE_E8M0, scaleTypes } from '../../src/numeric/scales.ts';
import { golden, goldenFloats } from '../support/golden.ts';

const GOLDEN: readonly [string, Minifloat][] = [
  ['float8_e4m3fn', F8_E4M3],
  ['float8_e5m2', F8_E5M2],
  ['float8_e3m4', minifloats.get('E3M4')!],
  ['float8_e4m3', minifloats.get('E4M3')!],
  ['float8_e4m3fnuz', minifloats.get('E4M3FNUZ')!],
  ['float8_e4m3b11fnuz', minifloats.get('E4M3B11FNUZ')!],
  ['float8_e5m2fnuz', minifloats.get('E5M2FNUZ')!],
  ['float6_e2m3fn', minifloats.get('E2M3')!],
  ['float6_e3m2fn', minifloats.get('E3M2')!],
  ['float4_e2m1fn', minifloats.get('E2M1')!],
];

const bytesOf = (file: string) => golden(`minifloat/${file}`);
const floatsOf = (file: string) => goldenFloats(`minifloat/${file}`);

test('every code of every minifloat has the value that ml_dtypes gives it', () => {
  for (const [name, float] of GOLDEN) {
    const expected = floatsOf(`${name}.codes.f32`);
    assert.equal(float.values.length, expected.length, name);
    expected.forEach((value, code) => {
      assert.ok(Object.is(float.values[code], value), `${name} code ${code}: ${float.values[code]}, expected ${value}`);
    });
  }
});

test('rounding equals ml_dtypes on subnormals, ties, overflow, Inf and signed zeros', () => {
  let checked = 0;
  for (const [name, float] of GOLDEN) {
    const expected = bytesOf(`${name}.out`);
    floatsOf(`${name}.in.f32`).forEach((value, i) => {
      if (Number.isNaN(value)) return;
      const code = float.code(value);
      const isSame =
        code === expected[i] || (Number.isNaN(float.values[code]) && Number.isNaN(float.values[expected[i]]));
      assert.ok(isSame, `${name} of ${value}: code ${code}, expected ${expected[i]}`);
      checked++;
    });
  }
  assert.ok(checked > 15000, `${checked} values`);
});

test('the E8M0 scale rounds as ml_dtypes does, except that nothing becomes NaN', () => {
  const expected = bytesOf('float8_e8m0fnu.out');
  let checked = 0;
  floatsOf('float8_e8m0fnu.in.f32').forEach((value, i) => {
    if (!(value > 0) || expected[i] === 255) return;
    assert.equal(SCALE_E8M0.code(value), expected[i], `${value}`);
    checked++;
  });
  assert.ok(checked > 800, `${checked} values`);
  floatsOf('float8_e8m0fnu.codes.f32').forEach((value, code) => {
    assert.ok(Object.is(SCALE_E8M0.value(code), value), `code ${code}`);
  });
});

test('every ExMy of 3 to 8 bits: codes ascend with values, each value is its own nearest, midpoints go to the even code', () => {
  assert.ok(minifloats.size >= 28, `${minifloats.size} minifloats`);
  for (let bits = 3; bits <= 8; bits++)
    for (let e = 1; e < bits; e++)
      assert.ok(minifloats.has(`E${e}M${bits - 1 - e}`) || bits === 8, `E${e}M${bits - 1 - e}`);
  for (const [name, float] of minifloats) {
    const positive = [...float.values.subarray(0, float.values.length / 2)].filter(Number.isFinite);
    positive.forEach((value, code) => {
      assert.equal(float.values[float.code(value)], value, name);
      assert.equal(float.values[float.code(-value)], value === 0 ? float.values[float.code(-0)] : -value, name);
      if (code === 0) return;
      assert.ok(value > positive[code - 1], name);
      const middle = (value + positive[code - 1]) / 2;
      if (Math.fround(middle) === middle) assert.equal(float.code(middle) & 1, 0, `${name}: tie at ${middle}`);
    });
    assert.equal(float.values[float.saturate(Infinity)], float.max, name);
    assert.equal(float.values[float.saturate(-1e30)], -float.max, name);
    assert.equal(float.saturate(Number.NaN), 0, name);
  }
});

test('scale types: codes ascend, stored scales are found again, nothing but 0 becomes 0', () => {
  for (const type of scaleTypes) {
    const codes = type.bytes === 1 ? 256 : 60000;
    for (let code = 1; code < codes; code++) {
      const value = type.value(code);
      if (!Number.isFinite(value) || value <= 0) continue; // NaN, Inf, or the unused sign bit
      assert.equal(type.code(value), code, `${type.name} ${code}`);
      if (type.value(code - 1) >= 0) assert.ok(value > type.value(code - 1), `${type.name} ${code}`);
    }
    assert.ok(type.value(type.code(1e-60)) > 0, type.name);
    assert.ok(Number.isFinite(type.value(type.code(3e38))), type.name);
  }
});
