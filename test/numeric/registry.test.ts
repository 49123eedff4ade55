import assert from 'node:assert/strict';
import { readFileSync } from 'node:fs';
import { test } from 'node:test';
import { readF16, writeF16 } from '../../src/core/float16.ts';
import { Random } from '../../src/core/random.ts';
import { pointCodes } from '../../src/numeric/points.ts';
import { GROUP } from '../../src/numeric/search/points/points.ts';
import {
  bitsPerWeight,
  decodeRows,
  encodeRows,
  fitsRows,
  format,
  formatByGgufType,
  formats,
  rowBytes,
} from '../../src/numeric/table.ts';
import type { NumberFormat } from '../../src/numeric/types.ts';

const all = [...formats.values()];
const writable = all.filter((f) => f.encodeBlocks !== undefined);
const grids = all.filter((f) => f.grid !== undefined);
const points = all.filter((f) => f.points !== undefined);
/** Formats whose NaN and Inf are values of their own. */
const floats = ['F32', 'F16', 'BF16', 'F8_E4M3', 'F8_E5M2'];

/** Whether a value may come out near 0 beside others that do not: not so in Q1_0. */
function hasZero(f: NumberFormat): boolean {
  return f.grid!.levels.length > 2;
}

function normal(seed: number, length = 512, scale = 1): Float32Array {
  const random = new Random(seed);
  return Float32Array.from({ length }, () => scale * random.normal());
}

function roundTrip(f: NumberFormat, values: Float32Array): Float32Array {
  return decodeRows(f, encodeRows(f, values, values.length), values.length);
}

test('names and ids are unique and found again', () => {
  assert.ok(all.length >= 18, `${all.length} formats`);
  const types = all.filter((f) => f.gguf !== undefined);
  assert.equal(new Set(types.map((f) => f.gguf!.type)).size, types.length);
  for (const f of types) assert.equal(formatByGgufType(f.gguf!.type), f);
  for (const f of all) assert.equal(format(f.name), f);
  assert.equal(formatByGgufType(999), undefined);
  assert.throws(() => format('Q9_Z'), /number format Q9_Z is not known: expected one of F32, /);
});

test('blocks whose binary16 scales are doubled decode to twice their values', () => {
  const scaled = writable.filter((f) => f.halves !== undefined);
  assert.ok(scaled.length >= 20, `${scaled.length} formats`);
  for (const f of scaled) {
    const blocks = encodeRows(f, normal(7, f.blockSize), f.blockSize);
    const before = decodeRows(f, blocks, f.blockSize);
    for (const at of f.halves!) writeF16(blocks, at, 2 * readF16(blocks, at));
    assert.deepEqual(
      decodeRows(f, blocks, f.blockSize),
      before.map((value) => 2 * value),
      f.name,
    );
  }
});

test('bits per weight are counted from stored bytes', () => {
  const expected: [string, number][] = [
    ['F32', 32],
    ['F16', 16],
    ['BF16', 16],
    ['Q8_0', 8.5],
    ['Q6_K', 6.5625],
    ['Q5_K', 5.5],
    ['Q5_0', 5.5],
    ['Q5_1', 6],
    ['Q4_K', 4.5],
    ['Q4_0', 4.5],
    ['Q4_1', 5],
    ['IQ4_NL', 4.5],
    ['IQ4_XS', 4.25],
    ['MXFP4', 4.25],
    ['Q3_K', 3.4375],
    ['Q2_K', 2.625],
  ]; // prettier-ignore
  for (const [name, bits] of expected) assert.equal(bitsPerWeight(format(name)), bits, name);
});

test('docs/formats.md lists every format as it is', () => {
  const lines = readFileSync(new URL('../../docs/formats.md', import.meta.url), 'utf8').split('\n');
  for (const f of all) {
    const line = lines.find((text) => text.startsWith(`| ${f.name} |`));
    assert.ok(line, `${f.name} has no row`);
    const cells = line.split('|').map((cell) => cell.trim());
    assert.deepEqual(cells.slice(2, 4), [`${bitsPerWeight(f)}`, `${f.blockSize} → ${f.blockBytes}`], f.name);
    assert.equal(cells[5], f.grid ? `${f.grid.subBlock}` : cells[5], f.name);
    assert.equal(cells[7], `${f.gguf?.type ?? ''}`, f.name);
    assert.equal(cells[9], f.encodeBlocks ? 'yes' : '', f.name);
  }
});

test('stored bytes are the declared bytes, and encoding does not depend on what stands beside', () => {
  let checked = 0;
  for (const f of writable) {
    const values = normal(1);
    const bytes = encodeRows(f, values, 256);
    assert.equal(bytes.length, 2 * rowBytes(f, 256));
    assert.equal(bytes.length * 8, values.length * bitsPerWeight(f));
    const second = encodeRows(f, values.subarray(256), 256);
    assert.deepEqual(bytes.subarray(second.length), second, f.name);
    checked++;
  }
  assert.ok(checked >= 18, `${checked} formats`);
});

test('decode gives exactly fround(scale·level + offset) of the fitted grid, for any codes', () => {
  let checked = 0;
  for (const f of grids) {
    const { subBlock, levels, fit, pack } = f.grid!;
    const random = new Random(2);
    const values = normal(3, 16 * 256, 0.02);
    const importance = normal(4, values.length).map((v) => Math.exp(v));
    const blocks = new Uint8Array((values.length / f.blockSize) * f.blockBytes).fill(0xff);
    const scale = new Float32Array(values.length / subBlock);
    const offset = new Float32Array(values.length / subBlock);
    fit(values, importance, blocks, scale, offset);
    assert.ok(
      levels.every((level, i) => i === 0 || level > levels[i - 1]),
      f.name,
    );
    const codes = Uint8Array.from({ length: values.length }, () => random.integer(levels.length));
    pack(codes, blocks);
    const decoded = new Float32Array(values.length);
    f.decodeBlocks(blocks, decoded);
    for (let i = 0; i < values.length; i++) {
      const j = Math.floor(i / subBlock);
      const expected = Math.fround(Math.fround(scale[j] * levels[codes[i]]) + offset[j]);
      assert.equal(decoded[i] + 0, expected + 0, `${f.name} value ${i}`);
      assert.equal(Math.fround(scale[j] * levels[codes[i]] + offset[j]) + 0, expected + 0, 'one rounding or two');
    }
    checked++;
  }
  assert.ok(checked >= 13, `${checked} formats`);
});

test('decode gives exactly ±scale·magnitude of the fitted points, for any codes', () => {
  for (const f of points) {
    const { subBlock, books, fit, pack } = f.points!;
    const random = new Random(2);
    const values = normal(3, 4 * 256, 0.02);
    const packed = new Uint8Array((values.length / f.blockSize) * f.blockBytes).fill(0xff);
    const scale = new Float32Array(values.length / subBlock);
    const which = new Uint8Array(values.length / subBlock);
    fit(values, undefined, packed, scale, which);
    const codes = pointCodes(f.points!, values.length);
    const levels = new Float64Array(values.length);
    const target = Float64Array.from({ length: values.length }, () => books[0].largest * random.normal());
    const weight = new Float64Array(values.length).fill(1);
    for (let at = 0; at < values.length; at += GROUP) {
      const book = books[which[Math.floor(at / subBlock)]];
      book.nearest(target, weight, at, 1, codes, levels.subarray(at, at + GROUP));
    }
    pack(codes, packed);
    const decoded = new Float32Array(values.length);
    f.decodeBlocks(packed, decoded);
    for (let i = 0; i < values.length; i++) {
      const expected = scale[Math.floor(i / subBlock)] * levels[i];
      assert.equal(decoded[i], Math.fround(expected), `${f.name} value ${i}`);
      assert.equal(Math.fround(expected), expected, 'exact in float32');
    }
  }
  assert.ok(points.length >= 7, `${points.length} formats`);
});

test('nearest points: on average within 1.03 of the cost of the one that trying all of them finds', () => {
  for (const f of points) {
    const { books } = f.points!;
    const random = new Random(11);
    const codes = pointCodes(f.points!, GROUP);
    const q = new Float64Array(GROUP);
    for (const book of books) {
      let found = 0;
      let least = 0;
      for (let trial = 0; trial < 200; trial++) {
        const x = Float64Array.from({ length: GROUP }, () => Math.abs(random.normal()) * 0.5 * book.largest);
        const w = Float64Array.from({ length: GROUP }, () => Math.exp(random.normal()));
        const cost = book.nearest(x, w, 0, 1, codes, q);
        const distance = (from: number, point: ArrayLike<number>) =>
          Array.from(point).reduce((sum, level, i) => sum + w[from + i] * (x[from + i] - level) ** 2, 0);
        assert.ok(Math.abs(distance(0, q) / cost - 1) < 1e-9, `${f.name}: the cost is that of its levels`);
        found += cost;
        for (let from = 0; from < GROUP; from += book.size) {
          least += Math.min(...book.points().map((point) => distance(from, point)));
        }
      }
      assert.ok(found <= 1.03 * least, `${f.name}: ${found / least}`);
    }
  }
});

test('blocks may start at any byte', () => {
  let checked = 0;
  for (const f of writable) {
    const values = normal(9, 256);
    const length = rowBytes(f, 256);
    const bytes = new Uint8Array(length + 1).subarray(1);
    encodeRows(f, values, 256, undefined, bytes);
    assert.deepEqual(bytes.slice(), encodeRows(f, values, 256), f.name);
    assert.deepEqual(decodeRows(f, bytes, 256), decodeRows(f, bytes.slice(), 256), f.name);
    checked++;
  }
  assert.ok(checked >= 18, `${checked} formats`);
});

test('zeros stay zeros', () => {
  for (const f of writable)
    assert.ok(
      roundTrip(f, new Float32Array(256)).every((v) => v === 0),
      f.name,
    );
});

test('NaN counts as 0, Inf takes the outermost level, neighbours keep their precision', () => {
  let checked = 0;
  for (const f of grids) {
    const plain = normal(5, 256);
    const odd = plain.slice();
    odd.set([Number.NaN], 5);
    odd.set([Infinity, -Infinity], 40);
    const q = roundTrip(f, odd);
    assert.ok(q.every(Number.isFinite), f.name);
    if (hasZero(f)) assert.ok(Math.abs(q[5]) < 0.5, `${f.name}: NaN gave ${q[5]}`);
    const neighbours = q.subarray(32, 48).filter((_, i) => i !== 8 && i !== 9);
    assert.ok(q[40] >= Math.max(...neighbours) && q[41] <= Math.min(...neighbours), `${f.name}: ±Inf`);
    const clean = roundTrip(f, plain);
    for (let i = 64; i < 256; i++) assert.ok(Math.abs(q[i] - plain[i]) <= 2 * Math.abs(clean[i] - plain[i]) + 0.7);
    for (const fill of [Number.NaN, Infinity, -Infinity]) {
      assert.ok(roundTrip(f, new Float32Array(256).fill(fill)).every(Number.isFinite), `${f.name} all ${fill}`);
    }
    checked++;
  }
  assert.ok(checked >= 13, `${checked} formats`);
  for (const name of floats.slice(0, 3)) {
    const q = roundTrip(format(name), Float32Array.of(Number.NaN, Infinity, -Infinity));
    assert.ok(Number.isNaN(q[0]) && q[1] === Infinity && q[2] === -Infinity, name);
  }
});

test('denormal, tiny, huge and lonely values: never worse than all zeros, never infinite', () => {
  let checked = 0;
  for (const f of grids) {
    for (const scale of [1e-40, 1e-8, 1e-6, 1e5, 1e37]) {
      const values = normal(6, 256, scale);
      const q = roundTrip(f, values);
      const energy = values.reduce((sum, v) => sum + v * v, 0);
      const error = values.reduce((sum, v, i) => sum + (v - q[i]) ** 2, 0);
      assert.ok(q.every(Number.isFinite) && error <= energy * 1.000001, `${f.name} at ${scale}: ${error / energy}`);
      checked++;
    }
    const lonely = normal(7, 256);
    lonely[100] = 2e3; // NVFP4 reaches 2688
    if (hasZero(f)) assert.ok(Math.abs(roundTrip(f, lonely)[100] / 2e3 - 1) < 0.25, f.name);
    for (const value of [3, -3]) {
      const q = roundTrip(f, new Float32Array(256).fill(value));
      assert.ok(
        q.every((v) => Math.abs(v / value - 1) < 1e-3),
        `${f.name} constant ${value}: ${q[0]}`,
      );
    }
  }
  assert.ok(checked >= 65, `${checked} cases`);
});

test('importance that is zero, negative or not finite counts as none, everywhere or here and there', () => {
  let checked = 0;
  for (const f of grids) {
    const values = normal(8, 256);
    const unweighted = roundTrip(f, values);
    for (const odd of [0, -1, Number.NaN, Infinity]) {
      const q = decodeRows(f, encodeRows(f, values, 256, new Float32Array(256).fill(odd)), 256);
      assert.deepEqual(q, unweighted, `${f.name}, all ${odd}`);
      const some = new Float32Array(256).fill(1).map((v, i) => (i % 3 === 0 ? odd : v));
      const mixed = decodeRows(f, encodeRows(f, values, 256, some), 256);
      assert.ok(
        mixed.every((v, i) => Math.abs(v - values[i]) < (hasZero(f) ? 2 : 3)),
        `${f.name}, some ${odd}`,
      );
      checked++;
    }
  }
  assert.ok(checked >= 52, `${checked} cases`);
});

test('points: odd values and odd importance stay finite, never worse than all zeros', () => {
  for (const f of points) {
    const plain = normal(5, 256);
    for (const odd of [Number.NaN, Infinity, -Infinity]) {
      const values = plain.map((v, i) => (i === 40 ? odd : v));
      const q = roundTrip(f, values);
      assert.ok(q.every(Number.isFinite), `${f.name}: ${odd}`);
      const clean = roundTrip(f, plain);
      for (let i = 64; i < 256; i++) assert.ok(Math.abs(q[i] - plain[i]) <= 2 * Math.abs(clean[i] - plain[i]) + 1.5);
      assert.ok(roundTrip(f, new Float32Array(256).fill(odd)).every(Number.isFinite), `${f.name} all ${odd}`);
    }
    for (const scale of [1e-40, 1e-8, 1e-6, 1, 1e5, 1e37]) {
      const values = normal(6, 256, scale);
      const q = roundTrip(f, values);
      const energy = values.reduce((sum, v) => sum + v * v, 0);
      const error = values.reduce((sum, v, i) => sum + (v - q[i]) ** 2, 0);
      assert.ok(q.every(Number.isFinite) && error <= energy * 1.000001, `${f.name} at ${scale}: ${error / energy}`);
    }
    for (const value of [3, -3]) {
      const q = roundTrip(f, new Float32Array(256).fill(value));
      assert.ok(
        q.every((v) => Math.abs(v / value - 1) < 1e-3),
        `${f.name} constant ${value}: ${q[0]}`,
      );
    }
    for (const odd of [0, -1, Number.NaN, Infinity]) {
      const q = decodeRows(f, encodeRows(f, plain, 256, new Float32Array(256).fill(odd)), 256);
      assert.deepEqual(q, roundTrip(f, plain), `${f.name}, importance ${odd}`);
    }
  }
});

test('sizes are checked', () => {
  const q4 = format('Q4_K');
  assert.ok(fitsRows(q4, 512) && !fitsRows(q4, 576) && !fitsRows(q4, 0));
  assert.throws(() => rowBytes(q4, 576), /Q4_K stores rows in blocks of 256 values: a row of 576 is not a multiple/);
  assert.throws(() => encodeRows(q4, new Float32Array(300), 256), /Q4_K: 300 values are not whole rows of 256/);
  assert.throws(() => decodeRows(q4, new Uint8Array(145), 256), /Q4_K: 145 bytes are not whole rows of 144/);
  assert.throws(
    () => encodeRows(q4, new Float32Array(512), 256, new Float32Array(3)),
    /3 importance given, expected 256/,
  );
  assert.throws(() => decodeRows(q4, new Uint8Array(144), 256, new Float32Array(1)), /1 values given, expected 256/);
});
