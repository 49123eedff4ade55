import assert from 'node:assert/strict';
import { test } from 'node:test';
import { Random } from '../../src/core/random.ts';
import { plainBackend } from '../../src/numeric/backend.ts';
import { integerLevels } from '../../src/numeric/levels.ts';
import { searchedLevels } from '../../src/numeric/search/grid/correlate.ts';
import { foundScales } from '../../src/numeric/search/grid/types.ts';
import { decodeRows, encodeRows, format, formats } from '../../src/numeric/table.ts';
import type { NumberFormat } from '../../src/numeric/types.ts';
import { anyBlock } from '../numeric/samples.ts';
import { onEveryBuild, reference } from './support.ts';

const LEVELS = searchedLevels(integerLevels(-1, 1));

const searched = [...formats.values()].filter(({ grid, points }) => (grid ?? points) !== undefined);

/**
 * Rows of normal weights; halves of steps, which lie midway between levels; constants and zeros; magnitudes from 1e-30 to
 * 1e30; NaN and ±Inf. Importance is log-normal, with zeros, negatives, NaN and Inf among it.
 */
function oddRows(random: Random, length: number): { values: Float32Array; importance: Float32Array } {
  const values = Float32Array.from({ length }, (_, i) => {
    const kind = (i >> 9) % 5;
    const drawn = random.normal();
    if (kind === 0) return 0.02 * drawn;
    if (kind === 1) return Math.round(4 * drawn) / 8;
    if (kind === 2) return (i >> 6) % 3 === 0 ? 0 : 0.375;
    if (kind === 3) return drawn * 10 ** (10 * random.normal());
    return i % 97 === 0 ? 40 * drawn : drawn;
  });
  const importance = Float32Array.from({ length }, () => Math.exp(1.5 * random.normal()));
  for (const [i, odd] of [Number.NaN, Infinity, -Infinity].entries()) values[(length >> 2) + 37 * i] = odd;
  for (const [i, odd] of [Number.NaN, Infinity, -1, 0].entries()) importance[(length >> 1) + 41 * i] = odd;
  importance.fill(0, length - 32);
  return { values, importance };
}

/** All that a grid's fit finds. */
function fitted({ blockSize, blockBytes, grid }: NumberFormat, values: Float32Array, backend = plainBackend) {
  const blocks = new Uint8Array((values.length / blockSize) * blockBytes);
  const scale = new Float32Array(values.length / grid!.subBlock);
  const offset = new Float32Array(scale.length);
  grid!.fit(values, undefined, blocks, scale, offset, backend);
  return { blocks, scale, offset };
}

test('encoding on kernels gives the bytes of the reference in every format with a search, on every build', async () => {
  let cases = 0;
  const lengths = [256, 512, 768, 31 * 256, 33 * 256];
  const inputs = lengths.map((length) => oddRows(new Random(length), length));
  const expected = new Map(
    searched.map((target) => [
      target,
      inputs.map(({ values, importance }) => encodeRows(target, values, 256, importance)),
    ]),
  );
  await onEveryBuild((kernels) => {
    for (const [target, bytes] of expected) {
      for (const [i, { values, importance }] of inputs.entries()) {
        const found = encodeRows(target, values, 256, importance, undefined, kernels);
        assert.deepEqual(found, bytes[i], `${kernels.name}, ${target.name}, ${values.length} values`);
        cases++;
      }
    }
  });
  assert.equal(cases, 3 * lengths.length * searched.length);
  assert.ok(searched.length >= 25, `${searched.length} formats`);
});

test('blocks of any bytes, whose grids are recovered after the search, get the bytes of the reference too', async () => {
  let cases = 0;
  await onEveryBuild((kernels) => {
    for (const target of searched) {
      const random = new Random(12);
      for (let trial = 0; trial < 10; trial++) {
        const values = decodeRows(target, anyBlock(target, random), target.blockSize);
        const found = encodeRows(target, values, target.blockSize, undefined, undefined, kernels);
        assert.deepEqual(found, encodeRows(target, values, target.blockSize), `${kernels.name}, ${target.name}`);
        cases++;
      }
    }
  });
  assert.equal(cases, 3 * 10 * searched.length);
});

test('scales and offsets found on kernels equal the reference bit for bit, without importance', async () => {
  const { values } = oddRows(new Random(11), 5 * 512);
  let cases = 0;
  await onEveryBuild((kernels) => {
    for (const target of searched.filter(({ grid }) => grid !== undefined)) {
      assert.deepEqual(fitted(target, values, kernels), fitted(target, values), `${kernels.name}, ${target.name}`);
      cases++;
    }
  });
  assert.ok(cases >= 3 * 17, `${cases} cases`);
});

test('an importance per column and one per value are encoded alike, whole rows together or one by one', async () => {
  const columns = 512;
  const { values, importance } = oddRows(new Random(5), 40 * columns);
  const perColumn = importance.subarray(0, columns);
  const repeated = Float32Array.from(values, (_, i) => perColumn[i % columns]);
  await onEveryBuild((kernels) => {
    for (const name of ['Q4_K', 'Q5_0', 'IQ3_XXS']) {
      const together = encodeRows(format(name), values, columns, perColumn, undefined, kernels);
      assert.deepEqual(together, encodeRows(format(name), values, columns, repeated, undefined, kernels), name);
      const last = values.subarray(39 * columns);
      const alone = encodeRows(format(name), last, columns, perColumn, undefined, kernels);
      assert.deepEqual(together.subarray(together.length - alone.length), alone, name);
    }
  });
});

test('searches leave no memory in use but code books, which are put there once', async () => {
  const { values } = oddRows(new Random(3), 512);
  await onEveryBuild((kernels) => {
    const before = kernels.memory().used;
    for (const name of ['Q6_K', 'IQ2_XS', 'IQ1_M', 'IQ2_XS'])
      encodeRows(format(name), values, 256, undefined, undefined, kernels);
    assert.equal(kernels.memory().used, before);
    // in a scope of their own, books must outlive it
    kernels.scope(() => encodeRows(format('IQ3_S'), values, 256, undefined, undefined, kernels));
    const expected = encodeRows(format('IQ3_S'), values, 256);
    kernels.scope(() => kernels.f32(1 << 20).fill(1));
    assert.deepEqual(encodeRows(format('IQ3_S'), values, 256, undefined, undefined, kernels), expected);
  });
});

test('refuses values that are not whole blocks, and importance of another length', async () => {
  const search = {
    kind: 'scale',
    subBlocks: 1,
    subBlock: 32,
    search: { levels: LEVELS, starts: Float64Array.of(1) },
  } as const;
  await onEveryBuild((kernels) => {
    const found = foundScales(search, 2);
    assert.throws(() => kernels.searchScales(search, new Float32Array(33), undefined, found), /33 values/);
    assert.throws(
      () => kernels.searchScales(search, new Float32Array(64), new Float32Array(32), found),
      /32 importances were given for 64 values/,
    );
    const wide = { ...search, subBlock: 512 };
    assert.throws(() => kernels.searchScales(wide, new Float32Array(512), undefined, found), /too large/);
  });
  assert.equal(reference.searchScales, plainBackend.searchScales);
});
