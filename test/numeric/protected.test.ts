import assert from 'node:assert/strict';
import { test } from 'node:test';
import { Random } from '../../src/core/random.ts';
import { cellEnergy, countCells, mixedCells } from '../../src/numeric/cells.ts';
import { fidelity, syntheticSource } from '../../src/numeric/fidelity.ts';
import { entry, isBlocked, storedBits } from '../../src/numeric/registry.ts';

const source = syntheticSource('Gaussian', 32, 256, 3);
const SCALE_BYTES = 2;

function decode(name: string, bytes: Uint8Array): Float32Array {
  const values = new Float32Array(source.values.length);
  entry(name).tensor.decode(bytes, source.columns, values);
  return values;
}

/** Code bytes of all blocks, scales left out. */
function codesOf(name: string): Uint8Array {
  const { format, tensor } = entry(name);
  assert.ok(isBlocked(format));
  const bytes = tensor.encode(source.values, source.columns);
  return bytes.filter((_, i) => i % format.blockBytes >= SCALE_BYTES);
}

test('cells are counted by pattern, and their energy is linear in the counts', () => {
  const counts = countCells(Uint8Array.of(0b00011011, 0b11110000));
  assert.deepEqual(counts, { '00': 3, '01': 1, '10': 1, '11': 3 });
  assert.equal(cellEnergy(counts, 2), 10);
  for (let byte = 0; byte < 256; byte++) {
    const { '01': low, '10': high } = countCells(Uint8Array.of(byte));
    assert.equal(mixedCells(byte), low + high);
  }
});

test('protection costs no precision: 7 bits in a byte decode to what 7 packed bits do', () => {
  const { relativeError } = fidelity(entry('SINT7_G128').tensor, source);
  for (const name of ['SINT7_BACKUP_G128', 'SINT7_CELLS_G128'])
    assert.ok(Math.abs(fidelity(entry(name).tensor, source).relativeError / relativeError - 1) < 1e-6, name);
  for (const name of ['SINT7_BACKUP_G128', 'SINT7_CELLS_G128']) assert.equal(storedBits(entry(name)), 8.125);
  assert.ok(fidelity(entry('F16_BACKUP_TENSOR').tensor, source).sqnr > 70);
});

test('one flipped bit of a sign gives 0, never the other sign', () => {
  const random = new Random(9);
  for (const name of ['SINT7_BACKUP_G128', 'SINT7_CELLS_G128']) {
    const bytes = entry(name).tensor.encode(source.values, source.columns);
    for (let trial = 0; trial < 100; trial++) {
      const i = random.integer(source.values.length);
      const damaged = bytes.slice();
      damaged[Math.floor(i / 128) * 130 + SCALE_BYTES + (i % 128)] ^= random.integer(2) === 0 ? 64 : 128;
      assert.equal(decode(name, damaged)[i], 0);
    }
  }
});

test('the half with a backup survives the loss of either sign bit as 0 and holds both ends of its range', () => {
  const { tensor } = entry('F16_BACKUP_TENSOR');
  const values = Float32Array.of(1, -1, 0.5, -0.001, 0);
  const bytes = tensor.encode(values, values.length);
  for (const bit of [64, 128]) {
    const damaged = bytes.slice();
    damaged[4 + 2 * 1 + 1] ^= bit;
    const decoded = new Float32Array(values.length);
    tensor.decode(damaged, values.length, decoded);
    assert.equal(decoded[1], 0);
    assert.ok(Math.abs(decoded[0] - 1) < 2 ** -10);
  }
});

test('mixed cells: a backup has fewer than two’s complement, ranked patterns less than two thirds of them', () => {
  const share = (name: string) => {
    const bytes = codesOf(name);
    const { '01': low, '10': high } = countCells(bytes);
    return (low + high) / (4 * bytes.length);
  };
  const [plain, backup, cells] = ['SINT8_G128', 'SINT7_BACKUP_G128', 'SINT7_CELLS_G128'].map(share);
  assert.ok(backup < 0.92 * plain, `${backup} after ${plain}`);
  assert.ok(cells < 0.65 * backup, `${cells} after ${backup}`);
});
