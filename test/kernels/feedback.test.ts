import assert from 'node:assert/strict';
import { test } from 'node:test';
import { Random } from '../../src/core/random.ts';
import type { Kernels } from '../../src/kernels/contract.ts';
import { assertClose, normal, type Operation, onEveryBuild, reference } from './support.ts';

/** A damped Gram matrix of correlated columns. */
function positiveDefinite(random: Random, n: number): Float32Array {
  const rows = n + 8;
  const x = normal(random, rows * n);
  for (let i = 0; i < rows; i++) for (let j = 1; j < n; j++) x[i * n + j] += 0.7 * x[i * n + j - 1];
  const h = new Float32Array(n * n);
  reference.gram(x, undefined, h, rows, n);
  for (let j = 0; j < n; j++) h[j * n + j] += 0.01 * rows;
  return h;
}

const feedbackFactor =
  (n: number): Operation =>
  (on, h) => {
    const u = on.f32(n * n).fill(3);
    assert.ok(on.feedbackFactor(h, u, n));
    return [u];
  };

test('feedbackFactor is within 1e-4 of the reference', async () => {
  const random = new Random(17);
  let cases = 0;
  await onEveryBuild((kernels) => {
    for (const n of [1, 2, 3, 31, 33, 127, 128, 129, 257]) {
      assertClose(kernels, feedbackFactor(n), [positiveDefinite(random, n)], 1e-4, { label: `n ${n}` });
      cases++;
    }
  });
  assert.equal(cases, 27);
});

test('feedbackFactor refuses a matrix that is not positive definite', async () => {
  await onEveryBuild((kernels) => {
    for (const [n, at, value] of [
      [1, 0, 0],
      [3, 1, -1],
      [200, 3, -1],
      [200, 199, Number.NaN],
      [200, 0, Infinity],
    ]) {
      const h = kernels.f32(n * n);
      for (let j = 0; j < n; j++) h[j * n + j] = 1;
      h[at * n + at] = value;
      assert.equal(reference.feedbackFactor(h.slice(), new Float32Array(n * n), n), false);
      assert.equal(kernels.feedbackFactor(h, kernels.f32(n * n), n), false);
    }
  });
});

/** Textbook GPTQ: errors divided by the inverse Hessian's Cholesky factor. @see Frantar et al., GPTQ (2023), algorithm 1 */
function gptq(w: number[], h: Float32Array, n: number): number[] {
  const upper = inverseCholesky(h, n);
  const weights = [...w];
  return weights.map((_, j) => {
    const q = Math.round(weights[j]) + 0; // no −0
    const error = (weights[j] - q) / upper[j][j];
    for (let k = j + 1; k < n; k++) weights[k] -= error * upper[j][k];
    return q;
  });
}

/** Upper triangular C with CᵀC = h⁻¹. */
function inverseCholesky(h: Float32Array, n: number): number[][] {
  const a = Array.from({ length: n }, (_, i) =>
    Array.from({ length: 2 * n }, (_, j) => (j < n ? h[i * n + j] : j - n === i ? 1 : 0)),
  );
  for (let p = 0; p < n; p++) {
    const pivot = a[p][p];
    a[p] = a[p].map((value) => value / pivot);
    for (let i = 0; i < n; i++) if (i !== p) a[i] = a[i].map((value, j) => value - a[i][p] * a[p][j]);
  }
  const c = Array.from({ length: n }, () => new Array<number>(n).fill(0));
  for (let i = 0; i < n; i++) {
    for (let j = i; j < n; j++) {
      let value = a[i][n + j];
      for (let k = 0; k < i; k++) value -= c[k][i] * c[k][j];
      c[i][j] = i === j ? Math.sqrt(value) : value / c[i][i];
    }
  }
  return c;
}

/** One row rounded to integers by `feedbackFactor` and `roundBlock`, in two blocks joined by a product. */
function rounded(on: Kernels, w: number[], h: Float32Array, n: number): number[] {
  const u = on.f32(n * n);
  assert.ok(on.feedbackFactor(on.upload(h), u, n));
  const result: number[] = [];
  const target = [...w];
  for (const [start, end] of [
    [0, n >> 1],
    [n >> 1, n],
  ]) {
    const columns = end - start;
    const diagonal = on.f32(columns * columns);
    for (let i = 0; i < columns; i++)
      for (let j = 0; j < columns; j++) diagonal[i * columns + j] = u[(start + i) * n + start + j];
    const task = {
      rows: 1,
      columns,
      subBlocks: 1,
      u: diagonal,
      weight: on.upload(Float32Array.from(w.slice(start, end))),
      target: on.upload(Float32Array.from(target.slice(start, end))),
      scale: on.f32(1).fill(1),
      offset: on.f32(1),
      subBlock: on.i32(columns),
      levels: on.upload(Float32Array.from({ length: 41 }, (_, i) => i - 20)),
      codes: on.u8(columns),
      error: on.f32(columns),
    };
    on.roundBlock(task);
    result.push(...[...task.codes].map((code) => code - 20));
    for (let j = end; j < n; j++) for (let i = 0; i < columns; i++) target[j] += task.error[i] * u[(start + i) * n + j];
  }
  return result;
}

test('feedbackFactor with roundBlock rounds as textbook GPTQ with the inverse Cholesky factor does', async () => {
  const random = new Random(18);
  let cases = 0;
  const matches = (on: Kernels) => {
    for (let round = 0; round < 20; round++) {
      const n = 3 + random.integer(10);
      const h = positiveDefinite(random, n);
      const w = [...normal(random, n)].map((value) => 3 * value);
      const expected = gptq(w, h, n);
      assert.deepEqual(rounded(on, w, h, n), expected);
      if (expected.some((q, j) => q !== Math.round(w[j]))) cases++;
    }
  };
  matches(reference);
  await onEveryBuild(matches);
  assert.ok(cases > 40, `feedback changed only ${cases} of 80 rows`);
});

const grids: { name: string; levels: number[] }[] = [
  { name: '4-bit integers', levels: Array.from({ length: 16 }, (_, i) => i - 8) },
  { name: '8-bit integers', levels: Array.from({ length: 256 }, (_, i) => i - 128) },
  { name: 'one level', levels: [0] },
  { name: 'uneven levels', levels: [-127, -104, -83, -65, -49, -35, -22, -10, 1, 13, 25, 38, 53, 69, 89, 113] },
];

test('roundBlock picks the codes of the reference for 999 of 1000 elements, with errors within 1e-5', async () => {
  const random = new Random(19);
  let [cases, same, all] = [0, 0, 0];
  await onEveryBuild((kernels) => {
    for (const { levels } of grids) {
      for (const [rows, columns] of [
        [1, 1],
        [3, 31],
        [5, 32],
        [9, 33],
        [4, 255],
        [6, 256],
      ]) {
        const subBlocks = Math.ceil(columns / 16);
        const shared = {
          weight: normal(random, rows * columns),
          u: normal(random, columns * columns).map((value) => 0.1 * value),
          scale: normal(random, rows * subBlocks).map((value, i) => (i % 7 === 6 ? 0 : value * (2 / levels.length))),
          offset: normal(random, rows * subBlocks),
          levels: Float32Array.from(levels),
        };
        const run = (on: Kernels) => {
          const upload = (array: Float32Array) => on.upload(array);
          const subBlock = on.i32(columns).map((_, j) => j >> 4);
          const placed = on.i32(columns);
          placed.set(subBlock);
          const task = {
            rows,
            columns,
            subBlocks,
            subBlock: placed,
            weight: upload(shared.weight),
            target: upload(shared.weight),
            u: upload(shared.u),
            scale: upload(shared.scale),
            offset: upload(shared.offset),
            levels: upload(shared.levels),
            codes: on.u8(rows * columns),
            error: on.f32(rows * columns),
          };
          on.roundBlock(task);
          return task;
        };
        const found = run(kernels);
        const expected = run(reference);
        found.codes.forEach((code, i) => {
          const row = Math.floor(i / columns);
          // After the first different code of a row its feedback differs as well.
          const before = found.codes
            .subarray(row * columns, i)
            .every((c, j) => c === expected.codes[row * columns + j]);
          if (!before) return;
          all++;
          if (code !== expected.codes[i]) return;
          same++;
          assert.ok(Math.abs(found.error[i] - expected.error[i]) <= 1e-5 * Math.max(1, Math.abs(expected.error[i])));
        });
        cases++;
      }
    }
  });
  assert.equal(cases, 72);
  assert.ok(same >= 0.999 * all, `${same} of ${all} codes agree`);
});

test('roundBlock: ties to even, scale 0 takes the level nearest 0, NaN and ±Inf stay inside the grid', async () => {
  await onEveryBuild((kernels) => {
    const target = Float32Array.of(0.5, 1.5, -0.5, 9, -9, Number.NaN, Infinity, -Infinity);
    for (const [scale, codes] of [
      [1, [2, 4, 2, 4, 0, 0, 4, 0]],
      [0, [2, 2, 2, 2, 2, 2, 2, 2]],
      [-1, [2, 0, 2, 0, 4, 0, 0, 4]],
    ] as const) {
      for (const on of [kernels, reference]) {
        const task = {
          rows: 8,
          columns: 1,
          subBlocks: 1,
          subBlock: on.i32(1),
          u: on.f32(1),
          weight: on.upload(target),
          target: on.upload(target),
          scale: on.f32(8).fill(scale),
          offset: on.f32(8),
          levels: on.upload(Float32Array.of(-2, -1, 0, 1, 2)),
          codes: on.u8(8),
          error: on.f32(8),
        };
        on.roundBlock(task);
        assert.deepEqual([...task.codes], [...codes], `${on.name} scale ${scale}`);
      }
    }
  });
});
