import assert from 'node:assert/strict';
import { after, before, describe, test } from 'node:test';
import { Random } from '../../src/core/random.ts';
import type { Kernels, PackedMatrix } from '../../src/kernels/contract.ts';
import { packedFormats } from '../../src/kernels/packedFormats.ts';
import { createReferenceKernels } from '../../src/kernels/reference/index.ts';
import { createWasmKernels } from '../../src/kernels/wasm/index.ts';
import { builds } from '../../src/kernels/wasm/platform.ts';
import { format } from '../../src/numeric/table.ts';

const reference = createReferenceKernels();

/** Blocks of arbitrary bytes whose values are ordinary numbers: no Inf, no NaN, nothing that overflows products. */
function randomMatrix(kernels: Kernels, name: string, rows: number, columns: number, random: Random): PackedMatrix {
  const { blockSize, blockBytes, decodeBlocks } = format(name);
  const blocks = kernels.u8((rows * columns * blockBytes) / blockSize);
  const values = new Float32Array(blockSize);
  for (let at = 0; at < blocks.length; at += blockBytes) {
    const block = blocks.subarray(at, at + blockBytes);
    do {
      for (let i = 0; i < blockBytes; i++) block[i] = random.integer(256);
      decodeBlocks(block, values);
    } while (!values.every((value) => Math.abs(value) < 1e8));
  }
  return { format: name, blocks, rows, columns };
}

function randomActivations(kernels: Kernels, length: number, random: Random): Float32Array {
  const x = kernels.f32(length);
  for (let i = 0; i < length; i++) x[i] = random.normal();
  return x;
}

/** Largest |found − y| ÷ Σ|x·w|, y and Σ by the reference. */
function relativeError(found: Float32Array, x: Float32Array, w: PackedMatrix, m: number): number {
  const expected = new Float32Array(m * w.rows);
  reference.matmulPacked(x, w, expected, m);
  const values = new Float32Array(w.rows * w.columns);
  format(w.format).decodeBlocks(w.blocks, values);
  let largest = 0;
  for (let i = 0; i < m; i++) {
    for (let row = 0; row < w.rows; row++) {
      let size = 1e-30;
      for (let c = 0; c < w.columns; c++) size += Math.abs(x[i * w.columns + c] * values[row * w.columns + c]);
      const error = Math.abs(found[i * w.rows + row] - expected[i * w.rows + row]) / size;
      assert.ok(!Number.isNaN(error));
      largest = Math.max(largest, error);
    }
  }
  return largest;
}

test('the reference supports every format of the list', () => {
  for (const name of packedFormats) assert.ok(reference.supportsPacked(name));
  assert.equal(packedFormats.length, 28);
  assert.equal(reference.supportsPacked('F8_E4M3'), false);
});

for (const build of builds) {
  describe(`${build} build`, () => {
    let kernels: Kernels;
    before(async () => {
      kernels = await createWasmKernels({ build, threads: 1 });
    });
    after(() => kernels.close());

    for (const name of packedFormats) {
      test(`${name} products have error below 1e-6 of the sum of magnitudes`, () => {
        const random = new Random(7).fork(name);
        const { blockSize } = format(name);
        const odd = blockSize === 1 ? 7 : 0;
        let cases = 0;
        for (const columns of [Math.max(32, blockSize) + odd, 1280 + odd]) {
          for (const rows of columns > 1000 ? [5, 9] : [1, 2, 3, 5, 33]) {
            for (const m of [1, 2, 3, 4, 5]) {
              kernels.scope(() => {
                const w = randomMatrix(kernels, name, rows, columns, random);
                const x = randomActivations(kernels, m * columns, random);
                const y = kernels.f32(m * rows + 1).fill(77);
                kernels.matmulPacked(x, w, y, m);
                const error = relativeError(y, x, w, m);
                assert.ok(error < 1e-6, `${rows} x ${columns}, m ${m}: ${error}`);
                assert.equal(y[m * rows], 77, 'wrote past the end');
                cases++;
              });
            }
          }
        }
        assert.equal(cases, 35);
      });

      test(`${name} with zero, tiny, outlying and non-finite activations`, () => {
        kernels.scope(() => {
          const random = new Random(11).fork(name);
          const columns = 512;
          const rows = 6;
          const m = 6;
          const w = randomMatrix(kernels, name, rows, columns, random);
          const x = randomActivations(kernels, m * columns, random);
          const row = (i: number) => x.subarray(i * columns, (i + 1) * columns);
          row(0).fill(0);
          row(1).fill(1e-40);
          row(2)[100] = 1e6;
          row(3)[511] = Number.NaN;
          row(4)[0] = Infinity;
          for (const together of [true, false]) {
            const y = kernels.f32(m * rows);
            if (together) kernels.matmulPacked(x, w, y, m);
            else for (let i = 0; i < m; i++) kernels.matmulPacked(row(i), w, y.subarray(i * rows, (i + 1) * rows), 1);
            assert.ok(y.subarray(0, rows).every((value) => value === 0));
            assert.ok(y.subarray(rows, 2 * rows).every((value) => Math.abs(value) < 1e-28));
            assert.ok(relativeError(y.subarray(2 * rows, 3 * rows), row(2), w, 1) < 1e-6);
            assert.ok(y.subarray(3 * rows, 4 * rows).every(Number.isNaN));
            assert.ok(y.subarray(4 * rows, 5 * rows).every((value) => !Number.isFinite(value)));
            assert.ok(relativeError(y.subarray(5 * rows), row(5), w, 1) < 1e-6);
          }
        });
      });

      test(`${name} rows are gathered bit-exactly as decoded`, () => {
        kernels.scope(() => {
          const columns = 512;
          const w = randomMatrix(kernels, name, 5, columns, new Random(3).fork(name));
          const ids = kernels.i32(4);
          ids.set([4, 0, 2, 4]);
          const y = kernels.f32(4 * columns);
          kernels.gatherRows(w, ids, y);
          const values = new Float32Array(5 * columns);
          format(name).decodeBlocks(w.blocks, values);
          ids.forEach((id, i) => {
            assert.deepEqual(y.slice(i * columns, (i + 1) * columns), values.slice(id * columns, (id + 1) * columns));
          });
        });
      });
    }

    test('products are the same bits with one thread and with three', async () => {
      const several = await createWasmKernels({ build, threads: 3 });
      const columns = 1280;
      const rows = 135;
      let cases = 0;
      for (const name of packedFormats) {
        for (const m of [1, 3, 6]) {
          const results = [kernels, several].map((backend) =>
            backend.scope(() => {
              const random = new Random(5).fork(name);
              const w = randomMatrix(backend, name, rows, columns, random);
              const x = randomActivations(backend, m * columns, random);
              const y = backend.f32(m * rows);
              backend.matmulPacked(x, w, y, m);
              return y.slice();
            }),
          );
          assert.deepEqual(results[1], results[0]);
          cases++;
        }
      }
      several.close();
      assert.equal(cases, 84);
    });

    test('rejects arrays that are too short and columns that are no whole blocks', () => {
      kernels.scope(() => {
        const w = randomMatrix(kernels, 'Q4_0', 2, 64, new Random(1));
        const x = kernels.f32(64);
        const y = kernels.f32(2);
        assert.throws(() => kernels.matmulPacked(x.subarray(1), w, y, 1), RangeError);
        assert.throws(() => kernels.matmulPacked(x, w, y.subarray(1), 1), RangeError);
        assert.throws(() => kernels.matmulPacked(x, { ...w, rows: 3 }, kernels.f32(3), 1), RangeError);
        assert.throws(() => kernels.matmulPacked(x, { ...w, columns: 48 }, y, 1), RangeError);
        assert.throws(() => kernels.gatherRows(w, Int32Array.of(2), kernels.f32(64)), RangeError);
      });
    });
  });
}
