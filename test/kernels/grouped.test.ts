import assert from 'node:assert/strict';
import { test } from 'node:test';
import { Random } from '../../src/core/random.ts';
import type { Kernels, PackedMatrix } from '../../src/kernels/contract.ts';
import { packedFormats } from '../../src/kernels/packedFormats.ts';
import { format } from '../../src/numeric/table.ts';
import { assertClose, indexes, normal, type Operation, onEveryBuild } from './support.ts';

/** Rows of no expert, behind all others. */
const REST = 2;

/** Rows of every expert: none, few (multiplied one by one), many, at both ends. */
const runs = [[0], [1], [0, 3, 0], [2, 0, 5, 1], [31, 0, 0, 33, 2, 3, 0]];
const offsetsOf = (rows: number[]) => [0, ...rows.map((_, e) => rows.slice(0, e + 1).reduce((a, b) => a + b, 0))];

/** [n, k] */
const sizes: [number, number][] = [
  [1, 1],
  [2, 3],
  [31, 33],
  [33, 31],
  [64, 96],
  [9, 515],
];

test('grouped products have the bits of each expert alone, and are within 3e-6·√k of the reference', async () => {
  const random = new Random(51);
  let cases = 0;
  await onEveryBuild((kernels) => {
    for (const rows of runs) {
      const offsets = offsetsOf(rows);
      const total = offsets[rows.length];
      for (const [n, k] of sizes) {
        for (const product of ['NT', 'NN'] as const) {
          const inputs = [normal(random, (total + REST) * k), normal(random, rows.length * n * k)];
          const operation: Operation = (on, x, w) => {
            const y = on.f32((total + REST) * n).fill(9);
            on[`groupedMatmul${product}`](x, w, indexes(on, offsets), y, n, k);
            return [y];
          };
          const label = `${product} ${rows} x ${n} x ${k}`;
          assertClose(kernels, operation, inputs, 3e-6, { floor: Math.sqrt(k), label });
          const [x, w] = inputs.map((input) => kernels.upload(input));
          const [found] = operation(kernels, x, w);
          assert.ok(
            found.subarray(total * n).every((value) => value === 0),
            `${label}: rows of no expert`,
          );
          rows.forEach((m, e) => {
            const y = kernels.f32(m * n);
            const matrix = w.subarray(e * n * k, (e + 1) * n * k);
            kernels[`matmul${product}`](x.subarray(offsets[e] * k, offsets[e + 1] * k), matrix, y, m, n, k);
            assert.deepEqual(found.slice(offsets[e] * n, offsets[e + 1] * n), y.slice(), `${label}, expert ${e}`);
          });
          cases++;
        }
      }
    }
  });
  assert.equal(cases, 3 * runs.length * sizes.length * 2);
});

test('odd values reach their own row of a grouped product alone', async () => {
  const random = new Random(52);
  let cases = 0;
  await onEveryBuild((kernels) => {
    for (const value of [0, Infinity, Number.NaN, 1e-40, 1e30]) {
      const x = normal(random, 7 * 5);
      x[3 * 5 + 1] = value;
      const operation: Operation = (on, a, w) => {
        const y = on.f32(7 * 3);
        on.groupedMatmulNT(a, w, indexes(on, [0, 2, 4, 4, 7]), y, 3, 5);
        return [y];
      };
      assertClose(kernels, operation, [x, normal(random, 4 * 3 * 5)], 4e-6, { label: `${value}` });
      cases++;
    }
  });
  assert.equal(cases, 15);
});

/** Blocks of ordinary numbers: quantized normal values, or bytes that every format reads as such. */
function packedExperts(kernels: Kernels, name: string, rows: number, columns: number, random: Random): PackedMatrix {
  const { blockSize, blockBytes, encodeBlocks } = format(name);
  const blocks = kernels.u8((rows * columns * blockBytes) / blockSize);
  encodeBlocks!(normal(random, rows * columns), blocks);
  return { format: name, blocks, rows, columns };
}

test('groupedPacked has the bits of each expert alone in every format', async () => {
  let cases = 0;
  await onEveryBuild((kernels) => {
    for (const name of packedFormats) {
      kernels.scope(() => {
        const random = new Random(53).fork(name);
        const { blockSize } = format(name);
        const k = blockSize === 1 ? 37 : Math.max(64, blockSize);
        const rows = [1, 0, 2, 3, 0, 6];
        const offsets = indexes(kernels, offsetsOf(rows));
        const n = 9;
        const w = packedExperts(kernels, name, rows.length * n, k, random);
        const x = kernels.upload(normal(random, (12 + REST) * k));
        x[3] = 0;
        x[2 * k] = 1e4;
        const y = kernels.f32((12 + REST) * n + 1).fill(9);
        kernels.groupedPacked(x, w, offsets, y);
        assert.equal(y[(12 + REST) * n], 9, `${name} wrote past the end`);
        assert.ok(
          y.subarray(12 * n, (12 + REST) * n).every((value) => value === 0),
          `${name}: rows of no expert`,
        );
        const bytes = w.blocks.length / rows.length;
        rows.forEach((m, e) => {
          const own = { ...w, rows: n, blocks: w.blocks.subarray(e * bytes, (e + 1) * bytes) };
          const expected = kernels.f32(m * n);
          kernels.matmulPacked(x.subarray(offsets[e] * k, offsets[e + 1] * k), own, expected, m);
          const found = y.slice(offsets[e] * n, offsets[e + 1] * n);
          assert.deepEqual(found, expected.slice(), `${name}, expert ${e}`);
          assert.ok(m === 0 || found.some((value) => value !== 0));
        });
        cases++;
      });
    }
  });
  assert.equal(cases, 3 * packedFormats.length);
});

test('groupedPacked of Q4_0, Q6_K, IQ2_S and BF16 is within 1e-5 of the reference', async () => {
  const random = new Random(54);
  let cases = 0;
  await onEveryBuild((kernels) => {
    for (const name of ['Q4_0', 'Q6_K', 'IQ2_S', 'BF16']) {
      for (const rows of [
        [1, 0, 4],
        [33, 2],
        [0, 0],
      ]) {
        const offsets = offsetsOf(rows);
        const total = offsets[rows.length];
        const w = packedExperts(kernels, name, rows.length * 5, 256, random);
        const operation: Operation = (on, x) => {
          const blocks = on.u8(w.blocks.length);
          blocks.set(w.blocks);
          const y = on.f32(total * 5);
          on.groupedPacked(x, { ...w, blocks }, indexes(on, offsets), y);
          return [y];
        };
        const x = normal(random, total * 256);
        assertClose(kernels, operation, [x], 1e-5, { floor: 16, label: `${name} ${rows}` });
        cases++;
      }
    }
  });
  assert.equal(cases, 36);
});

test('rejects offsets that fall and arrays that are too short', async () => {
  await onEveryBuild((kernels) => {
    const [x, w, y] = [kernels.f32(12), kernels.f32(24), kernels.f32(8)];
    const rising = indexes(kernels, [0, 1, 4]);
    assert.throws(() => kernels.groupedMatmulNT(x, w, indexes(kernels, [0, 3, 2]), y, 2, 3), /offsets of experts fall/);
    assert.throws(() => kernels.groupedMatmulNT(x, w.subarray(13), rising, y, 2, 3), /argument w has 11 values/);
    assert.throws(() => kernels.groupedMatmulNN(x, w, rising, y.subarray(1), 2, 3), /argument y has 7 values/);
    const packed = packedExperts(kernels, 'Q8_0', 5, 32, new Random(1));
    assert.throws(() => kernels.groupedPacked(kernels.f32(128), packed, rising, y), /5 rows does not divide into 2/);
  });
});
