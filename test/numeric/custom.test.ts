import assert from 'node:assert/strict';
import { test } from 'node:test';
import { Random } from '../../src/core/random.ts';
import { lloydMaxLevels } from '../../src/numeric/families/lloyd-max.ts';
import { ternaryFifths, ternaryPairs, ternaryTriples } from '../../src/numeric/families/ternary-packing.ts';
import { fidelity, syntheticSource } from '../../src/numeric/fidelity.ts';
import { entry, storedBits } from '../../src/numeric/registry.ts';
import { bitPacking } from '../../src/numeric/scaled.ts';

const gaussian = syntheticSource('Gaussian', 256, 256, 4);
const laplace = syntheticSource('Laplace', 64, 256, 5);
const errorOf = (name: string, source = gaussian) => fidelity(entry(name).tensor, source).relativeError;

test('Lloyd–Max tables: Max’s levels, and his error of 0.1175 at 2 bits on a unit Gaussian, within 2 %', () => {
  const expected = [-1.51, -0.4528, 0.4528, 1.51]; // Max 1960, table 1
  lloydMaxLevels(2).forEach((level, i) => {
    assert.ok(Math.abs(level - expected[i]) < 5e-4, `${level}`);
  });
  for (const [bits, error] of [
    [2, 0.1175],
    [3, 0.03454],
    [4, 0.009497],
    [5, 0.002499],
  ]) {
    const found = errorOf(`LLOYD_MAX${bits}_TENSOR`);
    assert.ok(Math.abs(found / error - 1) < 0.02, `${bits} bits: ${found}, expected ${error}`);
  }
});

test('ternary packings give back any digits, in the bits that their names promise', () => {
  const random = new Random(1);
  for (const [packing, bits] of [
    [ternaryFifths, 1.6],
    [ternaryPairs, 2],
    [ternaryTriples, 5 / 3],
    [bitPacking(2), 2],
  ] as const) {
    for (const length of [1, 2, 3, 4, 5, 6, 7, 15, 29, 30, 31, 241]) {
      const codes = Uint16Array.from({ length }, () => random.integer(3));
      const bytes = new Uint8Array(packing.bytes(length));
      packing.pack(codes, bytes);
      const back = new Uint16Array(length);
      packing.unpack(bytes, back);
      assert.deepEqual(back, codes);
    }
    assert.ok(Math.abs((8 * packing.bytes(30000)) / 30000 - bits) < 1e-3);
  }
});

test('PTQ1.61 stores 1.61 bits, counted from bytes; its error is that of signs outside the strongest fifth of columns, within 1 %', () => {
  assert.ok(Math.abs(storedBits(entry('PTQ1_61')) - 1.61) < 0.01, `${storedBits(entry('PTQ1_61'))}`);
  const { values, columns } = gaussian;
  const strength = Float64Array.from({ length: columns }, (_, c) =>
    values.reduce((sum, value, i) => (i % columns === c ? sum + value * value : sum), 0),
  );
  const weak = [...strength.keys()].sort((a, b) => strength[b] - strength[a]).slice(Math.floor(columns / 5));
  // Signs under the mean of n magnitudes leave Σ x² − (Σ |x|)² / n of a row.
  let [left, energy] = [0, 0];
  for (let row = 0; row < values.length; row += columns) {
    const magnitudes = weak.map((c) => Math.abs(values[row + c]));
    left += magnitudes.reduce((sum, x) => sum + x * x, 0);
    left -= magnitudes.reduce((sum, x) => sum + x, 0) ** 2 / weak.length;
    energy += values.subarray(row, row + columns).reduce((sum, x) => sum + x * x, 0);
  }
  const found = errorOf('PTQ1_61');
  assert.ok(found >= left / energy && found < 1.01 * (left / energy), `${found}, signs ${left / energy}`);
});

test('signs under mean|x| leave 1 − 2/π of a Gaussian’s energy; more planes leave less', () => {
  assert.ok(Math.abs(errorOf('BINARY_CHANNEL') - (1 - 2 / Math.PI)) < 0.01);
  const short = syntheticSource('Gaussian', 32, 256, 6);
  assert.ok(errorOf('BINARY_X2', short) < 0.4 * errorOf('BINARY_G128', short));
  assert.ok(errorOf('BINARY_X3', short) < 0.4 * errorOf('BINARY_X2', short));
  assert.ok(errorOf('TRIT_PLANES', short) < 0.25 * errorOf('TERNARY_G128', short));
});

test('levels that are denser near 0 win where values are: NF4 on Gaussians, a learned exponent above 1 on Laplace, against integers of no fewer bits', () => {
  const isBetter = (name: string, rival: string, source = gaussian) => {
    const [found, other] = [name, rival].map((each) => fidelity(entry(each).tensor, source));
    assert.ok(found.bitsPerWeight <= other.bitsPerWeight, `${name}: ${found.bitsPerWeight} bits`);
    assert.ok(found.relativeError < other.relativeError, `${name}: ${found.relativeError}`);
  };
  isBetter('NF4', 'SINT4_G32');
  const { tensor } = entry('POWER4');
  assert.ok(tensor.encode(laplace.values, laplace.columns)[0] > 32);
  isBetter('POWER4', 'SINT4_G32', laplace);
});

test('rank-1 normalization: an outlier column does not coarsen every row', () => {
  const values = gaussian.values.slice();
  for (let i = 0; i < 256; i++) {
    values[i * 256 + 7] *= 100;
  }
  const errorElsewhere = (name: string) => {
    const { tensor } = entry(name);
    const decoded = new Float32Array(values.length);
    tensor.decode(tensor.encode(values, 256), 256, decoded);
    const isElsewhere = (i: number) => i % 256 !== 7;
    return decoded.reduce((sum, v, i) => sum + (isElsewhere(i) ? (v - values[i]) ** 2 : 0), 0);
  };
  assert.ok(errorElsewhere('RANK1_LINEAR4') < 0.1 * errorElsewhere('SINT4_TENSOR'));
  assert.ok(errorElsewhere('RANK1_LINEAR4') < 0.1 * errorElsewhere('SINT4_CHANNEL'));
});
