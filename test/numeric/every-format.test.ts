import assert from 'node:assert/strict';
import { readFileSync } from 'node:fs';
import { test } from 'node:test';
import { FormatError } from '../../src/core/errors.ts';
import { Random } from '../../src/core/random.ts';
import { type Entry, families, isBlocked, registry, storedBits } from '../../src/numeric/registry.ts';
import { whyLost } from './samples.ts';

/*
 * What every format of the registry must hold, also the ones of tomorrow. `registry.test.ts` adds what grids and points
 * of model files must hold besides.
 */

const all = [...registry.values()].filter(({ format }) => !isBlocked(format) || format.encodeBlocks !== undefined);
/** Values by themselves, without a scale: their range is fixed. */
const unscaled = ['float', 'multi-component float', 'minifloat'];
const scaled = all.filter(({ family }) => !unscaled.includes(family.name));
/** Where several values are rounded together, one of them may be anything. */
const together = ['GGUF code book', 'vector'];
const COLUMNS = 256;

function normal(seed: number, length = COLUMNS, scale = 1): Float32Array {
  const random = new Random(seed);
  return Float32Array.from({ length }, () => scale * random.normal());
}

/** Rows of whole tensors are short: some encoders search through every path. Those around blocks need one. */
function columnsOf({ format, tensor }: Entry): number {
  return isBlocked(format) || tensor.isVariable ? COLUMNS : 64;
}

function decode(entry: Entry, bytes: Uint8Array, length = columnsOf(entry), columns = length): Float32Array {
  const values = new Float32Array(length);
  entry.tensor.decode(bytes, columns, values);
  return values;
}

function roundTrip(entry: Entry, all: Float32Array, importance?: Float32Array): Float32Array {
  const columns = columnsOf(entry);
  return decode(entry, entry.tensor.encode(all.subarray(0, columns), columns, importance?.subarray(0, columns)));
}

function energy(values: Float32Array): number {
  return values.reduce((sum, v) => sum + v * v, 0);
}

function squaredError(a: Float32Array, b: Float32Array): number {
  return b.reduce((sum, v, i) => sum + (v - a[i]) ** 2, 0);
}

/** The same check for every entry; all that fail are named. */
function forAll(entries: readonly Entry[], least: number, check: (entry: Entry, name: string) => void): void {
  const failures: string[] = [];
  for (const entry of entries) {
    try {
      check(entry, entry.format.name);
    } catch (error) {
      failures.push(`${entry.format.name}: ${(error as Error).message}`);
    }
  }
  assert.deepEqual(failures, []);
  assert.ok(entries.length >= least, `${entries.length} formats`);
}

test('every format has one name and one family with branch, equation and source', () => {
  const names = families.flatMap(({ formats }) => formats.map(({ name }) => name));
  assert.equal(new Set(names).size, names.length);
  assert.equal(registry.size, names.length);
  for (const { name, title, equation, source } of families)
    assert.ok(
      [title, equation, source].every((text) => text.length > 2),
      name,
    );
});

test('docs/formats.md has every family with its branch, number of formats, equation and source', () => {
  const text = readFileSync(new URL('../../docs/formats.md', import.meta.url), 'utf8');
  const plain = (cell: string) => cell.replaceAll('|', '\\|');
  for (const { branch, name, formats, title, equation, source } of families) {
    const cells = [branch, name, `${formats.length}`, title, plain(equation), plain(source)];
    assert.ok(text.includes(`| ${cells.join(' | ')} |`), `${name} has no row, or another one`);
  }
});

test('stored bytes are the declared bytes, for one row and several, odd lengths where rows may have them', () => {
  forAll(all, 140, (entry, name) => {
    for (const [rows, columns] of [
      [1, 256],
      [3, 256],
      [2, 37],
      [1, 1],
    ]) {
      const values = normal(1, rows * columns);
      if (isBlocked(entry.format) && columns % entry.format.blockSize !== 0) {
        assert.throws(() => entry.tensor.encode(values, columns), /is not a multiple/, name);
        continue;
      }
      let bytes: Uint8Array;
      try {
        bytes = entry.tensor.encode(values, columns);
      } catch (error) {
        assert.match(String(error), /is not a multiple/, name);
        continue;
      }
      const declared = entry.tensor.storedBytes(rows, columns);
      assert.ok(entry.tensor.isVariable ? bytes.length <= declared : bytes.length === declared, name);
      assert.equal(decode(entry, bytes, values.length, columns).length, values.length);
    }
    const bits = storedBits(entry);
    assert.ok(bits > 0.5 && bits <= 48, `${name}: ${bits} bits`);
  });
});

/** Types of model files, NV with a tensor’s scale, what is coded from either, and residual stages: recovered bit for bit. */
const RECOVERED = /^(I?Q\d|TQ|NV|MXFP4|E8P_RVQ)/;

/** Encoded once more, values stay exactly, but for the last bits of float32 scales that are fitted. */
function assertStable(entry: Entry, once: Float32Array): void {
  const twice = roundTrip(entry, once);
  if (RECOVERED.test(entry.format.name)) assertSame(twice, once);
  else assertNear(twice, once);
}

/** Whether some block is one that need not come back. */
function isLost({ format }: Entry, bytes: Uint8Array): boolean {
  if (!isBlocked(format) || format.halves === undefined) return false;
  const { blockBytes } = format;
  const blocks = Array.from({ length: bytes.length / blockBytes }, (_, i) =>
    bytes.subarray(i * blockBytes, (i + 1) * blockBytes),
  );
  return blocks.some((block) => whyLost(format, block) !== undefined);
}

/** Bit for bit, but for the sign of zero. */
function assertSame(found: Float32Array, expected: Float32Array): void {
  const wrong = expected.findIndex((value, i) => value !== found[i]);
  assert.equal(wrong, -1, `value ${wrong}: ${found[wrong]}, expected ${expected[wrong]}`);
}

/** Equal, but for the last bits of a float32 scale. */
function assertNear(found: Float32Array, expected: Float32Array): void {
  assert.equal(found.length, expected.length);
  for (let i = 0; i < found.length; i++)
    assert.ok(
      Math.abs(found[i] - expected[i]) <= 1e-6 * Math.abs(expected[i]),
      `value ${i}: ${found[i]}, expected ${expected[i]}`,
    );
}

test('what was encoded once is encoded again without loss', () => {
  forAll(all, 140, (entry) => assertStable(entry, roundTrip(entry, normal(4))));
});

test('any bytes decode, and what is encoded from that stays; where the length varies, they are refused', () => {
  let checked = 0;
  forAll(all, 140, (entry) => {
    const random = new Random(3);
    const length = entry.tensor.encode(normal(2, columnsOf(entry)), columnsOf(entry)).length;
    for (let trial = 0; trial < 4; trial++) {
      const bytes = Uint8Array.from({ length }, () => random.integer(256));
      if (entry.tensor.isVariable && trial > 0) {
        assert.throws(() => decode(entry, bytes), FormatError);
        continue;
      }
      const any = decode(entry, entry.tensor.isVariable ? entry.tensor.encode(normal(3), COLUMNS) : bytes);
      // a scale may be NaN, or larger than that of any weight
      if (!any.every((v) => Math.abs(v) < 1e18) || energy(any) < 1e-30 || isLost(entry, bytes)) continue;
      assertStable(entry, roundTrip(entry, any));
      checked++;
    }
  });
  assert.ok(checked > all.length, `${checked} tensors`);
});

test('zeros stay zeros', () => {
  forAll(all, 140, (entry, name) =>
    assert.ok(
      roundTrip(entry, new Float32Array(COLUMNS)).every((v) => v === 0),
      name,
    ),
  );
});

test('under a scale NaN counts as 0, Inf takes an outer level, everything stays finite', () => {
  forAll(scaled, 100, (entry, name) => {
    const odd = normal(5);
    odd[5] = Number.NaN;
    odd.set([Infinity, -Infinity], 40);
    const q = roundTrip(entry, odd);
    assert.ok(q.every(Number.isFinite), name);
    if (!together.includes(entry.family.name)) {
      assert.ok(Math.abs(q[5]) < 1.6, `NaN gave ${q[5]}`);
      assert.ok(q[40] >= 0 && q[41] <= 0, `±Inf gave ${q[40]}, ${q[41]}`);
    }
    for (const fill of [Number.NaN, Infinity, -Infinity])
      assert.ok(roundTrip(entry, new Float32Array(COLUMNS).fill(fill)).every(Number.isFinite), `${name} all ${fill}`);
  });
});

test('denormal, tiny and huge values: never worse than all zeros, never infinite', () => {
  forAll(scaled, 100, (entry, name) => {
    for (const scale of [1e-40, 1e-8, 1e-6, 1e5, 1e37]) {
      const values = normal(6, COLUMNS, scale);
      const q = roundTrip(entry, values);
      const ratio = squaredError(values, q) / energy(values.subarray(0, q.length));
      assert.ok(q.every(Number.isFinite) && ratio <= 1.000001, `${name} at ${scale}: ${ratio}`);
    }
  });
});

test('importance that is zero, negative or not finite counts as none; what counts gets the smaller error', () => {
  forAll(scaled, 100, (entry, name) => {
    const values = normal(8);
    const plain = roundTrip(entry, values);
    for (const odd of [0, -1, Number.NaN, Infinity])
      assertNear(roundTrip(entry, values, new Float32Array(COLUMNS).fill(odd)), plain);
    const importance = normal(9).map((v) => Math.exp(2 * v));
    const weighted = (q: Float32Array) => q.reduce((sum, v, i) => sum + importance[i] * (v - values[i]) ** 2, 0);
    // greedy stages may miss by a little what they did not look for
    const slack = together.includes(entry.family.name) ? 1.15 : 1.02;
    assert.ok(weighted(roundTrip(entry, values, importance)) <= weighted(plain) * slack, name);
  });
});

test('the same values give the same bytes, whatever was encoded before', () => {
  forAll(all, 140, (entry, name) => {
    const columns = columnsOf(entry);
    const first = entry.tensor.encode(normal(10, columns), columns);
    entry.tensor.encode(normal(11, columns, 7), columns);
    assert.deepEqual(entry.tensor.encode(normal(10, columns), columns), first, name);
  });
});

test('rejects bytes that are no tensor of that shape', () => {
  forAll(all, 140, (entry, name) => {
    const bytes = entry.tensor.encode(normal(12, columnsOf(entry)), columnsOf(entry));
    assert.throws(() => decode(entry, bytes.subarray(0, bytes.length - 1)), /expected|whole|ends/, name);
  });
});
