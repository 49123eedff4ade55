import assert from 'node:assert/strict';
import { test } from 'node:test';
import { Random } from '../../src/core/random.ts';
import { largestIn, largestOf, largestOfValues } from '../../src/numeric/largest.ts';
import { decodeRows, encodeRows, formats } from '../../src/numeric/table.ts';
import type { NumberFormat } from '../../src/numeric/types.ts';

const stored = (format: NumberFormat, value: number): Float32Array =>
  decodeRows(
    format,
    encodeRows(format, new Float32Array(format.blockSize).fill(value), format.blockSize),
    format.blockSize,
  );

test('every format holds its largest value of either sign within 5 %, and no value half as large again', () => {
  let checked = 0;
  for (const format of formats.values()) {
    const largest = largestOf(format);
    assert.ok(largest > 1 && Number.isFinite(largest), format.name);
    for (const sign of [1, -1]) {
      const held = stored(format, sign * largest);
      // Some, not all: code books have no point of equal values.
      assert.ok(
        held.some((value) => Math.abs(value / (sign * largest) - 1) < 0.05),
        `${format.name}: ${held[0]}`,
      );
      assert.ok(held.every(Number.isFinite), format.name);
      checked++;
    }
    const beyond = [1, -1].map((sign) => stored(format, Math.fround(sign * Math.min(1.5 * largest, 3.4e38))));
    const lost = beyond.some((values) => values.some((value) => !(Math.abs(value) <= 1.4 * largest)));
    const cut = beyond.some((values) => values.every((value) => Math.abs(value) <= 1.05 * largest));
    assert.ok(lost || cut || format.name === 'F32', `${format.name}: ${beyond[0][0]}`);
  }
  assert.equal(checked, 2 * formats.size);
});

test('the largest magnitude in blocks is that of their values, in every format, at any alignment', () => {
  const random = new Random(3);
  let checked = 0;
  for (const format of formats.values()) {
    for (const scale of [1e-30, 1e-3, 1, 300]) {
      const values = Float32Array.from({ length: 2 * format.blockSize }, () => scale * random.normal());
      const blocks = encodeRows(format, values, format.blockSize);
      const shifted = new Uint8Array(blocks.length + 1);
      shifted.set(blocks, 1);
      const expected = decodeRows(format, blocks, format.blockSize).reduce((most, v) => Math.max(most, Math.abs(v)), 0);
      assert.equal(largestIn(format, blocks), expected, `${format.name} ${scale}`);
      assert.equal(largestIn(format, shifted.subarray(1)), expected, format.name);
      checked++;
    }
  }
  assert.equal(checked, 4 * formats.size);
  for (const values of [
    [1, Number.NaN, 2],
    [Number.NEGATIVE_INFINITY, 3],
  ])
    assert.ok(!Number.isFinite(largestOfValues(Float32Array.from(values))));
  assert.equal(largestOfValues(Float32Array.of(-0, 0)), 0);
  assert.equal(largestOfValues(new Float32Array(0)), 0);
});

test('floats state the largest value of IEEE 754, bfloat16 and OFP8', () => {
  const expected = {
    F32: 3.4028234663852886e38,
    F16: 65504,
    BF16: 3.3895313892515355e38,
    F8_E4M3: 448,
    F8_E5M2: 57344,
  };
  for (const [name, largest] of Object.entries(expected)) assert.equal(largestOf(formats.get(name)!), largest, name);
});
