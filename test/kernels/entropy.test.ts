import assert from 'node:assert/strict';
import { test } from 'node:test';
import { FormatError } from '../../src/core/errors.ts';
import { Random } from '../../src/core/random.ts';
import type { Kernels } from '../../src/kernels/contract.ts';
import { decodeCodes, encodeCodes } from '../../src/numeric/entropy/code-matrix.ts';
import { plainCoder } from '../../src/numeric/entropy/coder.ts';
import { onEveryBuild } from './support.ts';

/** Shapes of one lane and of eight, of rows that are no whole eights, of one segment and of several. */
const SHAPES = [
  { rows: 1, columns: 1, bits: 1 },
  { rows: 7, columns: 37, bits: 3 },
  { rows: 1, columns: 40_000, bits: 4 },
  { rows: 257, columns: 131, bits: 8 },
  { rows: 200, columns: 256, bits: 2 },
  { rows: 270, columns: 1100, bits: 5 },
];

interface Case {
  readonly shape: (typeof SHAPES)[number];
  readonly codes: Uint8Array;
  readonly bytes: Uint8Array;
}

/** Normal codes whose spread is the product of a row's and a column's, each one of three; a few differences repeat. */
function codesOf({ rows, columns, bits }: Case['shape'], random: Random): Uint8Array {
  const spread = (count: number) => Float64Array.from({ length: count }, () => 2 ** (random.integer(3) - 1));
  const [ofRow, ofColumn] = [spread(rows), spread(columns)];
  const most = 2 ** bits - 1;
  return Uint8Array.from({ length: rows * columns }, (_, at) => {
    const width = (most / 12) * ofRow[Math.floor(at / columns)] * ofColumn[at % columns];
    return Math.min(Math.max(Math.round(most / 2 + width * random.normal()), 0), most);
  });
}

const random = new Random(8);
const cases: Case[] = SHAPES.map((shape) => {
  const codes = codesOf(shape, random);
  return { shape, codes, bytes: encodeCodes(shape, codes) };
});

function decoded(kernels: Kernels | undefined, { shape, codes }: Case, bytes: Uint8Array): Uint8Array | 'refused' {
  const out = new Uint8Array(codes.length);
  try {
    decodeCodes(shape, bytes, out, kernels?.entropy ?? plainCoder);
    return out;
  } catch (error) {
    assert.ok(error instanceof FormatError, `${error}`);
    return 'refused';
  }
}

test('kernels code matrices to the bytes of the definition, and decode them', async () => {
  let checked = 0;
  const coded = cases.filter(({ bytes }) => bytes[0] !== 0xff);
  await onEveryBuild((kernels) => {
    for (const one of cases) {
      const { rows, columns, bits } = one.shape;
      const what = `${kernels.name}: ${rows} x ${columns} codes of ${bits} bits`;
      const found = encodeCodes(one.shape, one.codes, kernels.entropy);
      assert.equal(Buffer.compare(found, one.bytes), 0, what);
      assert.deepEqual(decoded(kernels, one, one.bytes), one.codes, what);
      checked++;
    }
  });
  assert.equal(checked, 3 * SHAPES.length);
  assert.ok(coded.length >= SHAPES.length - 2, `${coded.length} of ${SHAPES.length} are shorter coded`);
});

test('damaged streams: kernels refuse what the definition refuses, and decode the rest to the same', async () => {
  let refused = 0;
  let trials = 0;
  const damaged = [cases[1], cases[3], cases[4]].flatMap((one) => {
    const own = new Random(9);
    return Array.from({ length: 60 }, (_, trial) => {
      const length = trial % 4 === 0 ? own.integer(one.bytes.length) : one.bytes.length;
      const bytes = one.bytes.slice(0, length);
      for (let k = own.integer(3); k >= 0; k--) bytes[own.integer(length)] = own.integer(256);
      return { one, bytes, expected: decoded(undefined, one, bytes) };
    });
  });
  await onEveryBuild((kernels) => {
    for (const { one, bytes, expected } of damaged) {
      assert.deepEqual(decoded(kernels, one, bytes), expected);
      if (expected === 'refused') refused++;
      trials++;
    }
  });
  assert.equal(trials, 3 * 180);
  assert.ok(refused > trials / 2, `${refused} of ${trials} refused`);
});

test('units of scales and codes come apart and together as in the definition, at every width', async () => {
  let checked = 0;
  await onEveryBuild((kernels) => {
    for (const bits of [1, 2, 3, 4, 5, 6, 7, 8])
      for (const codes of [1, 7, 32, 100]) {
        const units = { count: 5, headerBytes: 2, bits, codes };
        const bytes = Uint8Array.from({ length: 5 * (2 + Math.ceil((codes * bits) / 8)) }, () => random.integer(256));
        const parts = [plainCoder, kernels.entropy].map((coder) => {
          const headers = new Uint8Array(10);
          const split = new Uint8Array(5 * codes);
          coder.splitUnits(units, bytes, headers, split);
          const joined = new Uint8Array(bytes.length);
          coder.joinUnits(units, headers, split, joined);
          return { headers, split, joined };
        });
        assert.deepEqual(parts[1], parts[0], `${kernels.name}: ${codes} codes of ${bits} bits`);
        checked++;
      }
  });
  assert.equal(checked, 3 * 8 * 4);
});
