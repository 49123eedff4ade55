import assert from 'node:assert/strict';
import { test } from 'node:test';
import { Random } from '../../src/core/random.ts';
import type { Kernels, SketchSums } from '../../src/kernels/contract.ts';
import { normal, onEveryBuild, reference, special } from './support.ts';

type Sums = Record<string, Float64Array | Float32Array>;

/** Asserts that every number has the same bits, any NaN for NaN. */
function assertSame(found: Sums, expected: Sums, label: string): void {
  for (const [name, values] of Object.entries(expected)) {
    assert.equal(found[name].length, values.length);
    values.forEach((value, i) => {
      assert.ok(Object.is(found[name][i], value), `${label}: ${name} ${i} is ${found[name][i]}, not ${value}`);
    });
  }
}

/** Values of many sizes, so that every other order of adding shows. */
function uneven(random: Random, length: number): Float32Array {
  return normal(random, length).map((value) => value * 10 ** (3 * random.normal()));
}

const doubles = (on: Kernels, values: readonly number[]) => {
  const array = on.f64(values.length);
  array.set(values);
  return array;
};

const sizes = [0, 1, 2, 3, 31, 33];
/** [tokens, columns] */
const shapes = [...sizes.flatMap((tokens) => sizes.map((columns) => [tokens, columns])), [7, 8], [8, 9], [130, 257]];

test('rowEnergy and columnEnergy have the bits of the reference and add to what is there', async () => {
  const random = new Random(101);
  let cases = 0;
  await onEveryBuild((kernels) => {
    for (const [tokens, columns] of shapes) {
      for (const odd of [false, true]) {
        const g = uneven(random, tokens * columns);
        if (odd) g.set(special.slice(0, g.length));
        const start = Array.from({ length: columns }, () => random.normal());
        const run = (on: Kernels): Sums => {
          const [energy, weight] = [doubles(on, start), on.f32(tokens).fill(9)];
          on.rowEnergy(on.upload(g), energy, weight);
          const byColumn = doubles(on, start);
          if (columns > 0) on.columnEnergy(on.upload(g), byColumn, columns);
          return { energy, weight, byColumn };
        };
        assertSame(run(kernels), run(reference), `${tokens} x ${columns}`);
        cases++;
      }
    }
  });
  assert.equal(cases, 3 * 2 * shapes.length);
});

/** [sequences, length, perturbed rows, width, stride] */
const sketches: number[][] = [
  [0, 3, 2, 2, 1],
  [2, 0, 2, 2, 1],
  [1, 1, 1, 1, 1],
  [1, 2, 3, 3, 1],
  [2, 3, 3, 9, 4],
  [3, 5, 31, 95, 3],
  [1, 33, 33, 132, 4],
  [4, 16, 7, 7, 1],
  ...[1, 2, 3, 31, 33].flatMap((length) => [1, 2, 33].map((rows) => [2, length, rows, 3 * rows, 3])),
];

function sketchOf(on: Kernels, kind: 'sketch' | 'sketchHead', arrays: Float32Array[], numbers: number[]): Sums {
  const [sequences, length, , width, stride] = numbers;
  const sums: SketchSums = {
    innerProducts: on.f64(sequences).fill(0.1),
    squares: on.f64(sequences).fill(0.2),
    rowProducts: on.f64(sequences).fill(0.3),
    tokenProducts: on.f64(sequences).fill(0.7),
  };
  const [change, g] = arrays.map((array) => on.upload(array));
  on[kind](change, g, width, stride, length, sums);
  return { ...sums };
}

for (const kind of ['sketch', 'sketchHead'] as const)
  test(`${kind} has the bits of the reference and adds to what is there`, async () => {
    const random = new Random(102);
    let cases = 0;
    await onEveryBuild((kernels) => {
      for (const numbers of sketches) {
        const [sequences, length, rows, width] = numbers;
        const tokens = sequences * length;
        for (const odd of [false, true]) {
          const change = uneven(random, tokens * rows);
          // As a head has them: labels' gradients are positive, all others are not.
          const head = () => (random.uniform() < 0.1 ? random.uniform() : -random.uniform() / 10);
          const g = kind === 'sketch' ? uneven(random, tokens * width) : new Float32Array(tokens * width).map(head);
          if (odd && tokens > 0) {
            change.set(special.slice(0, Math.min(change.length, special.length)));
            g.set([0, -0, 1e-40, -1e-40].slice(0, Math.min(g.length, 4)));
          }
          const arrays = [change, g];
          const label = `${kind} ${numbers}`;
          assertSame(sketchOf(kernels, kind, arrays, numbers), sketchOf(reference, kind, arrays, numbers), label);
          cases++;
        }
      }
    });
    assert.equal(cases, 3 * 2 * sketches.length);
  });

test('sketches in parts have the bits of the whole where tokens stand alone', async () => {
  const random = new Random(103);
  await onEveryBuild((kernels) => {
    const [length, rows] = [10, 5];
    const [change, g] = [uneven(random, length * rows), uneven(random, length * rows)].map((a) => kernels.upload(a));
    const empty = () =>
      Object.fromEntries(
        ['innerProducts', 'squares', 'rowProducts', 'tokenProducts'].map((name) => [name, kernels.f64(1)]),
      );
    const [whole, parts] = [empty(), empty()] as unknown as [SketchSums, SketchSums];
    kernels.sketchHead(change, g, rows, 1, length, whole);
    kernels.sketchHead(change.subarray(0, 3 * rows), g.subarray(0, 3 * rows), rows, 1, 3, parts);
    kernels.sketchHead(change.subarray(3 * rows), g.subarray(3 * rows), rows, 1, 7, parts);
    assertSame({ ...parts }, { ...whole }, 'parts');
  });
});

test('float64 arrays are zeroed, 64-byte aligned and freed; short ones are refused', async () => {
  await onEveryBuild((kernels) => {
    const before = kernels.memory().used;
    const dirty = kernels.f64(9).fill(7);
    kernels.free(dirty);
    const energy = kernels.f64(9);
    assert.ok(energy.every((value) => value === 0));
    assert.equal(energy.byteOffset % 64, 0);
    kernels.free(energy);
    assert.equal(kernels.memory().used, before);
    const [x, one, three] = [kernels.f32(6), kernels.f64(1), kernels.f64(3)];
    assert.throws(() => kernels.rowEnergy(x, three, kernels.f32(3)), /argument g has 6 values, its shape needs 9/);
    assert.throws(() => kernels.columnEnergy(x, one, 3), /argument energy has 1 values/);
    assert.throws(() => kernels.columnEnergy(x, kernels.f64(4), 4), /not whole rows of 4/);
    const sums = { innerProducts: one, squares: one, rowProducts: one, tokenProducts: one };
    assert.throws(() => kernels.sketch(x, x, 2, 1, 2, sums), /6 changes of 2 tokens, which are not every 1th of 2/);
    assert.throws(() => kernels.sketch(x, x, 9, 4, 2, sums), /argument g has 6 values/);
  });
});
