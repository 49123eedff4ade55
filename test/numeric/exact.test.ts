import assert from 'node:assert/strict';
import { test } from 'node:test';
import { Random } from '../../src/core/random.ts';
import { recoverAffine } from '../../src/numeric/exact/affine.ts';
import { commonStep, someHalf } from '../../src/numeric/exact/divisor.ts';
import { recoverPointScales } from '../../src/numeric/exact/point.ts';
import { recoverScales } from '../../src/numeric/exact/scale.ts';
import { IQ2_XS_BOOK } from '../../src/numeric/formats/iq_books.ts';
import { integerLevels } from '../../src/numeric/levels.ts';
import { entry } from '../../src/numeric/registry.ts';
import { affineSearch } from '../../src/numeric/search/grid/affine.ts';
import { scaleSearch } from '../../src/numeric/search/grid/scale.ts';
import {
  type BlockAffine,
  foundScales,
  type SuperAffine,
  type SuperScale,
} from '../../src/numeric/search/grid/types.ts';
import { CodeBook } from '../../src/numeric/search/points/codebook.ts';
import { foundPointScales, type PointScale } from '../../src/numeric/search/points/types.ts';
import { decodeRows, encodeRows, format, formats } from '../../src/numeric/table.ts';
import type { NumberFormat } from '../../src/numeric/types.ts';
import { anyBlock, studentSample, tinySamples, whyLost } from './samples.ts';

/*
 * Values that lie on a format's own grid are stored without loss, whatever a search would make of them: models are
 * quantized again that were quantized before, or trained for few levels.
 */

const all = [...formats.values()].filter(({ grid, points }) => (grid ?? points) !== undefined);

function roundTrip(f: NumberFormat, values: Float32Array, importance?: Float32Array): Float32Array {
  return decodeRows(f, encodeRows(f, values, values.length, importance), values.length);
}

/** Bit for bit, but for the sign of zero. */
function areSame(a: Float32Array, b: Float32Array): boolean {
  return a.length === b.length && a.every((value, i) => value === b[i]);
}

function normal(seed: number, length: number, scale = 1): Float32Array {
  const random = new Random(seed);
  return Float32Array.from({ length }, () => scale * random.normal());
}

test('blocks of any bytes come back bit for bit, but for a few that are named', () => {
  const trials = 40;
  for (const f of all) {
    const random = new Random(8);
    let named = 0;
    for (let trial = 0; trial < trials; trial++) {
      const block = anyBlock(f, random);
      const values = decodeRows(f, block, f.blockSize);
      const importance = normal(trial, f.blockSize).map(Math.exp);
      if (areSame(roundTrip(f, values, importance), values)) continue;
      assert.ok(whyLost(f, block), `${f.name}, trial ${trial}: ${block}`);
      named++;
    }
    // half of all d are negative: too much in IQ1
    assert.ok(named <= (f.name.startsWith('IQ1') ? 0.7 : 0.25) * trials, `${f.name} loses ${named} of ${trials}`);
  }
  assert.ok(all.length >= 25, `${all.length} formats`);
});

test('what was encoded once comes back bit for bit, also under another importance', () => {
  for (const { name, columns, values, importance } of [studentSample(), ...tinySamples()]) {
    const other = importance.toReversed();
    const rows = values.subarray(0, 8 * columns);
    for (const f of all) {
      const once = decodeRows(f, encodeRows(f, rows, columns, importance), columns);
      const twice = decodeRows(f, encodeRows(f, once, columns, other), columns);
      assert.ok(areSame(twice, once), `${name} in ${f.name}`);
    }
  }
});

test('weights of two or three levels lose nothing in any format that has the levels', () => {
  const random = new Random(4);
  const scales = [0.0173, 1, 3.7e-5].map(Math.f16round);
  let cases = 0;
  for (const name of [
    'Q8_0',
    'Q6_K',
    'Q5_K',
    'Q5_1',
    'Q5_0',
    'Q4_K',
    'Q4_1',
    'Q4_0',
    'Q3_K',
    'Q2_K',
    'TQ2_0',
    'Q2_0',
  ]) {
    for (const d of scales) {
      for (const levels of [
        [-1, 1],
        [-1, 0, 1],
      ]) {
        const values = Float32Array.from({ length: 512 }, () => d * levels[random.integer(levels.length)]);
        assert.ok(areSame(roundTrip(format(name), values), values), `${name}: ${levels} times ${d}`);
        cases++;
      }
    }
  }
  const e4m3 = Float32Array.from({ length: 512 }, () => 0.4375 * (random.integer(3) - 1));
  assert.ok(areSame(roundTrip(format('NVFP4'), e4m3), e4m3));
  assert.equal(cases, 72);
});

test('a tensor under two levels of scales comes back bit for bit, whatever its float32 scale is', () => {
  for (const name of ['NVFP4_TENSOR', 'NVINT4_TENSOR']) {
    const { tensor } = entry(name);
    const columns = 64;
    const random = new Random(6);
    for (let trial = 0; trial < 30; trial++) {
      const bytes = tensor.encode(normal(trial, 4 * columns, 10 ** (random.integer(9) - 6)), columns);
      // a scale that max|x| does not tell
      new DataView(bytes.buffer).setFloat32(0, Math.exp(5 * random.normal()), true);
      const values = new Float32Array(4 * columns);
      tensor.decode(bytes, columns, values);
      const again = new Float32Array(values.length);
      tensor.decode(tensor.encode(values, columns), columns, again);
      assert.ok(areSame(again, values), `${name}, trial ${trial}`);
    }
  }
});

const LEVELS = integerLevels(-4, 3);
const BOOK = new CodeBook(IQ2_XS_BOOK, 8, 'even');
const SUPER: SuperScale = {
  kind: 'superScale',
  subBlocks: 16,
  subBlock: 16,
  lowest: -32,
  highest: 31,
  search: scaleSearch(LEVELS, [1]),
  reach: 0,
};
const AFFINE: SuperAffine = {
  kind: 'superAffine',
  subBlocks: 8,
  subBlock: 32,
  highest: 63,
  search: affineSearch(15, false),
};
const BLOCK: BlockAffine = { kind: 'affine', subBlocks: 1, subBlock: 32, search: affineSearch(31, true) };
const POINTS: PointScale = { books: [BOOK], subBlock: 16, unit: 1 / 8, highest: 15, starts: [1] };

/** Whether anything is put in place of what a search found. */
const RECOVERIES: Readonly<Record<string, (values: Float32Array) => boolean>> = {
  Q3_K(values) {
    const found = foundScales(SUPER, 1);
    recoverScales(SUPER, values, found);
    return found.d[0] !== 0;
  },
  Q4_K(values) {
    const found = foundScales(AFFINE, 1);
    recoverAffine(AFFINE, values, found);
    return found.d[0] !== 0;
  },
  Q5_1(values) {
    const found = foundScales(BLOCK, 1);
    recoverAffine(BLOCK, values.subarray(0, 32), found);
    return found.d[0] !== 0;
  },
  IQ2_XS(values) {
    const found = foundPointScales(POINTS, 1);
    recoverPointScales(POINTS, values, found);
    return found.d[0] !== 0;
  },
};

test('a search has the last word on ordinary weights, and where one value is off the grid or not finite', () => {
  for (const [name, isRecovered] of Object.entries(RECOVERIES)) {
    const f = format(name);
    const ordinary = normal(1, 256, 0.02);
    const onGrid = decodeRows(f, encodeRows(f, ordinary, 256), 256);
    assert.ok(isRecovered(onGrid), name);
    assert.ok(!isRecovered(ordinary), `${name}: float32 weights`);
    const bf16 = new Float32Array(new Uint32Array(ordinary.buffer.slice(0)).map((bits) => bits & 0xffff0000).buffer);
    assert.ok(!isRecovered(bf16), `${name}: bfloat16 weights`);
    for (const [at, odd] of [
      [0, onGrid[0] * (1 + 2 ** -9)],
      [3, onGrid[3] + 0.3 * Math.abs(onGrid[3] - onGrid[4])],
      [31, Number.NaN],
      [7, Infinity],
    ]) {
      const off = onGrid.slice();
      off[at] = odd;
      assert.ok(!isRecovered(off), `${name}: value ${at} is ${odd}`);
    }
  }
});

test('the common step is the greatest common divisor, or 0 where multiples are too large or a value is odd', () => {
  const random = new Random(2);
  const gcd = (a: number, b: number): number => (b === 0 ? a : gcd(b, a % b));
  for (let trial = 0; trial < 200; trial++) {
    const unit = Math.f16round(Math.exp(3 * random.normal())) || 1;
    const multiples = Array.from({ length: 9 }, () => random.integer(2001) - 1000);
    const values = Float32Array.from(multiples, (n) => n * unit);
    const divisor = multiples.map(Math.abs).reduce(gcd);
    const largest = Math.max(...multiples.map(Math.abs)) / divisor;
    assert.equal(commonStep(values, 0, 9, largest), divisor * unit);
    assert.equal(commonStep(values, 0, 9, largest - 0.5), 0);
    const halves: number[] = [];
    someHalf(divisor * unit, 1000, (half) => halves.push(half) === 0);
    assert.ok(halves.includes(unit), `${unit} among ${halves}`);
    for (const odd of [Number.NaN, Infinity]) {
      values[random.integer(9)] = odd;
      assert.equal(commonStep(values, 0, 9, 1e6), 0);
    }
  }
  assert.equal(commonStep(new Float32Array(4), 0, 4, 10), 0);
});

test('rows of two stages come back bit for bit, of any codes too, also under importance', () => {
  const random = new Random(12);
  const [rows, columns] = [6, 256];
  for (const name of ['E8P_RVQ3', 'E8P_RVQ4']) {
    const { tensor } = entry(name);
    const again = (bytes: Uint8Array, importance?: Float32Array): [Float32Array, Float32Array] => {
      const [once, twice] = [new Float32Array(columns), new Float32Array(columns)];
      tensor.decode(bytes, columns, once);
      tensor.decode(tensor.encode(once, columns, importance), columns, twice);
      return [once, twice];
    };
    for (let row = 0; row < rows; row++) {
      const bytes = tensor.encode(normal(row, columns, 0.02), columns);
      const importance = normal(100 + row, columns).map(Math.exp);
      assert.ok(areSame(...again(bytes, importance)), `${name}: row ${row}`);
      const any = bytes.map((byte, i) => (i < 4 ? byte : random.integer(256)));
      assert.ok(areSame(...again(any)), `${name}: any codes, row ${row}`);
      const [off] = again(bytes);
      off[9] *= 1 + 2 ** -9;
      const decoded = new Float32Array(columns);
      tensor.decode(tensor.encode(off, columns), columns, decoded);
      assert.ok(!areSame(decoded, off), `${name}: a row off the grid`);
    }
  }
});
