import assert from 'node:assert/strict';
import { test } from 'node:test';
import { constants, zstdCompressSync } from 'node:zlib';
import fc from 'fast-check';
import { FormatError } from '../../src/core/errors.ts';
import { Random } from '../../src/core/random.ts';
import { openModel } from '../../src/model/open.node.ts';
import { decodeCodes, encodeCodes, mostBytes } from '../../src/numeric/entropy/code-matrix.ts';
import { frequenciesOf, levelsOf, TOTAL } from '../../src/numeric/entropy/frequencies.ts';
import { readTables, writeTables } from '../../src/numeric/entropy/tables.ts';
import { entry, storedBits } from '../../src/numeric/registry.ts';
import { assetPath } from '../../src/text/assets.node.ts';

const SEED = 4;

function roundTrip(shape: { rows: number; columns: number; bits: number }, codes: Uint8Array): number {
  const bytes = encodeCodes(shape, codes);
  const back = new Uint8Array(codes.length);
  decodeCodes(shape, bytes, back);
  assert.deepEqual(back, codes);
  assert.ok(bytes.length <= mostBytes(shape));
  return bytes.length;
}

/** Normal codes whose spread is the product of a row's and a column's, each one of two. */
function classed(rows: number, columns: number, bits: number, ratio: number): Uint8Array {
  const random = new Random(SEED);
  const rowSpread = Array.from({ length: rows }, () => (random.integer(2) === 0 ? 1 : ratio));
  const columnSpread = Array.from({ length: columns }, () => (random.integer(2) === 0 ? 1 : ratio));
  const half = 2 ** (bits - 1);
  return Uint8Array.from({ length: rows * columns }, (_, at) => {
    const spread = (half / 10) * rowSpread[Math.floor(at / columns)] * columnSpread[at % columns];
    return Math.min(Math.max(Math.round(half + spread * random.normal()), 0), 2 * half - 1);
  });
}

test('any matrix of any width comes back, in at most a byte more than packed', () => {
  const shape = fc.record({
    rows: fc.integer({ min: 1, max: 12 }),
    columns: fc.integer({ min: 1, max: 40 }),
    bits: fc.integer({ min: 1, max: 8 }),
    kinds: fc.integer({ min: 1, max: 256 }),
    seed: fc.integer(),
  });
  fc.assert(
    fc.property(shape, ({ kinds, seed, ...rest }) => {
      const random = new Random(seed);
      roundTrip(
        rest,
        Uint8Array.from({ length: rest.rows * rest.columns }, () => random.integer(kinds) % 2 ** rest.bits),
      );
    }),
    { numRuns: 300, seed: SEED },
  );
});

test('tables: frequencies sum to 2^14, every symbol that occurs has one, and levels survive being stored', () => {
  fc.assert(
    fc.property(fc.array(fc.nat({ max: 1e6 }), { minLength: 2, maxLength: 256 }), (counts) => {
      const levels = levelsOf(counts);
      const frequencies = frequenciesOf(levels);
      if (counts.some((count) => count > 0))
        assert.equal(
          frequencies.reduce((sum, f) => sum + f, 0),
          TOTAL,
        );
      for (const [symbol, count] of counts.entries()) assert.equal(count > 0, frequencies[symbol] > 0);
      assert.deepEqual(readTables(writeTables([levels]), 0, 1, levels.length).tables, [levels]);
    }),
    { numRuns: 300, seed: SEED },
  );
});

test('classes are found: within 2 % of what the true classes would take, and far below one table for all', () => {
  const [rows, columns, bits] = [256, 384, 5];
  const codes = classed(rows, columns, bits, 4);
  const bytes = roundTrip({ rows, columns, bits }, codes);
  const alone = roundTrip({ rows: 1, columns: rows * columns, bits }, shuffled(codes));
  assert.ok(bytes < 0.9 * alone, `${bytes}, without classes ${alone}`);
  const truth = [...Array(4).keys()].reduce((sum, pair) => sum + pairEntropy(codes, rows, columns, pair), 0) / 8;
  assert.ok(bytes < 1.02 * truth, `${bytes}, true classes ${truth}`);
});

function shuffled(codes: Uint8Array): Uint8Array {
  const random = new Random(SEED);
  const out = codes.slice();
  for (let i = out.length - 1; i > 0; i--) {
    const j = random.integer(i + 1);
    [out[i], out[j]] = [out[j], out[i]];
  }
  return out;
}

/** Bits of the codes under a pair of the classes that `classed` drew. */
function pairEntropy(codes: Uint8Array, rows: number, columns: number, pair: number): number {
  const random = new Random(SEED);
  const rowClass = Array.from({ length: rows }, () => random.integer(2));
  const columnClass = Array.from({ length: columns }, () => random.integer(2));
  const own = codes.filter((_, at) => 2 * rowClass[Math.floor(at / columns)] + columnClass[at % columns] === pair);
  const counts = new Map<number, number>();
  for (const code of own) counts.set(code, (counts.get(code) ?? 0) + 1);
  return [...counts.values()].reduce((sum, count) => sum + count * Math.log2(own.length / count), 0);
}

test('heads that repeat cost their differences alone', () => {
  const random = new Random(SEED);
  const [rows, columns, bits] = [64, 256, 4];
  const codes = new Uint8Array(rows * columns);
  for (let at = 0; at < codes.length; at++)
    codes[at] = at % columns < 64 || random.integer(20) === 0 ? random.integer(16) : codes[at - 64];
  assert.ok(roundTrip({ rows, columns, bits }, codes) < 0.45 * mostBytes({ rows, columns, bits }));
});

test('codes of the embedded model: never larger than zstd at level 19, whole tensors with their scales', async () => {
  const model = await openModel(assetPath('tiny'));
  const zstd = (bytes: Uint8Array) =>
    zstdCompressSync(bytes, { params: { [constants.ZSTD_c_compressionLevel]: 19 } }).length;
  let checked = 0;
  for (const layer of ['blk.0.attn_k', 'blk.0.attn_output']) {
    const tensor = model.tensors.get(`${layer}.weight`)!;
    const values = await tensor.load();
    const columns = tensor.shape[1];
    for (const name of ['INT2_G128', 'INT3_G128', 'INT4_G128', 'INT8_G128', 'Q4_0', 'Q8_0']) {
      const plain = entry(name).tensor;
      const coded = entry(`${name}_RANS`).tensor;
      const bytes = plain.encode(values, columns);
      const small = coded.encode(values, columns);
      assert.ok(small.length <= zstd(bytes), `${name} of ${layer}: ${small.length}, zstd ${zstd(bytes)}`);
      const [a, b] = [new Float32Array(values.length), new Float32Array(values.length)];
      plain.decode(bytes, columns, a);
      coded.decode(small, columns, b);
      assert.deepEqual(b, a, name);
      checked++;
    }
  }
  await model.close();
  assert.equal(checked, 12);
});

test('the declared size is a bound: packed bytes and 6 more', () => {
  for (const name of ['INT4_G128', 'INT8_CHANNEL', 'Q4_K']) {
    const plain = entry(name).tensor.storedBytes(64, 256);
    assert.equal(entry(`${name}_RANS`).tensor.storedBytes(64, 256), plain + 6);
    assert.ok(storedBits(entry(`${name}_RANS`)) - storedBits(entry(name)) < 1e-5);
  }
});

test('damaged bytes give the right number of values or one FormatError, never more', () => {
  const { tensor } = entry('INT4_G128_RANS');
  const random = new Random(SEED);
  const values = Float32Array.from({ length: 64 * 256 }, () => random.normal());
  const bytes = tensor.encode(values, 256);
  assert.ok(bytes.length < 0.95 * tensor.storedBytes(64, 256));
  const out = new Float32Array(values.length);
  let refused = 0;
  for (let trial = 0; trial < 500; trial++) {
    const damaged = bytes.slice(0, trial % 4 === 0 ? random.integer(bytes.length) : bytes.length);
    for (let k = random.integer(3); k >= 0; k--) damaged[random.integer(damaged.length)] = random.integer(256);
    try {
      tensor.decode(damaged, 256, out);
    } catch (error) {
      assert.ok(error instanceof FormatError, `${error}`);
      refused++;
    }
  }
  assert.ok(refused > 300, `${refused} refused`);
  assert.throws(() => tensor.decode(new Uint8Array(100_000), 256, out), /expected at most/);
});
