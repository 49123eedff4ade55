import assert from 'node:assert/strict';
import { test } from 'node:test';
import { fidelity, syntheticSource } from '../../src/numeric/fidelity.ts';
import { entry, isBlocked, registry } from '../../src/numeric/registry.ts';

const gaussian = syntheticSource('Gaussian', 6, 256, 21);
const widths = Array.from({ length: 15 }, (_, i) => 1.5 + i / 4);

test('every trellis from 1.5 to 5 bits: error on a unit Gaussian within 15 % of the limit 2^(−2R); 0.0715 at 2 bits', () => {
  for (const width of widths) {
    const { relativeError } = fidelity(entry(`TRELLIS_${width.toFixed(2)}`).tensor, gaussian);
    const ratio = relativeError / 2 ** (-2 * width);
    assert.ok(ratio < 1.15, `${width} bits: ${relativeError}, ${ratio} of the limit`);
    if (width === 2) assert.ok(relativeError <= 0.0715, `${relativeError}`);
  }
});

test('a trellis stores its width and one scale a row, to the byte', () => {
  for (const width of widths) {
    const { format, tensor } = entry(`TRELLIS_${width.toFixed(2)}`);
    assert.ok(!isBlocked(format));
    assert.equal(tensor.storedBytes(3, 288), 3 * (4 + (288 * width) / 8));
    assert.throws(() => tensor.encode(new Float32Array(40), 40), /groups of 32 values: a row of 40 is not a multiple/);
  }
  assert.equal([...registry.keys()].filter((name) => name.startsWith('TRELLIS_')).length, widths.length);
});

test('E8P: error at 2 bits on a unit Gaussian at most 0.0905, 0.0925 on the lattice itself; residual codes reach 3 and 4 bits', () => {
  const source = syntheticSource('Gaussian', 8, 2048, 7);
  const names = ['E8P', 'E8P_LATTICE', 'E8P_RVQ3', 'E8P_RVQ4'];
  const [two, lattice, three, four] = names.map((name) => fidelity(entry(name).tensor, source));
  assert.ok(lattice.relativeError <= 0.0925, `${lattice.relativeError}`);
  assert.ok(two.relativeError <= 0.0905, `${two.relativeError}`);
  assert.ok(three.relativeError < 0.03, `${three.relativeError}`);
  assert.ok(four.relativeError < 0.009, `${four.relativeError}`);
  assert.deepEqual(
    [two, three, four].map((f) => Math.round(f.bitsPerWeight)),
    [2, 3, 4],
  );
});

test('additive codebooks: with as many bits of codes, less than half the error of Lloyd–Max scalars, codebooks not counted', () => {
  const source = syntheticSource('Gaussian', 64, 256, 8);
  for (const [name, scalar, codeBits] of [
    ['ADDITIVE_2x8_G8', 'LLOYD_MAX2_TENSOR', 2],
    ['ADDITIVE_3x8_G8', 'LLOYD_MAX3_TENSOR', 3],
  ] as const) {
    const [found, rival] = [name, scalar].map((each) => fidelity(entry(each).tensor, source));
    assert.ok(found.relativeError < 0.5 * rival.relativeError, `${name}: ${found.relativeError}`);
    // Codebooks of 256 words of 8 float16 each are as large as twice the codes of so small a matrix.
    const codebooks = (codeBits * 256 * 8 * 16) / source.values.length;
    assert.ok(Math.abs(found.bitsPerWeight - codebooks - rival.bitsPerWeight) < 0.01, `${found.bitsPerWeight} bits`);
  }
});
