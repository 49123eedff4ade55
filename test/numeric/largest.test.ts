import assert from 'node:assert/strict';
import { test } from 'node:test';
import { largestOf } from '../../src/numeric/largest.ts';
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
