import assert from 'node:assert/strict';
import { test } from 'node:test';
import fc from 'fast-check';
import { UsageError } from '../../src/core/errors.ts';
import { packSequences, windows } from '../../src/text/packing.ts';

const count = (n: number): Int32Array => Int32Array.from({ length: n }, (_, i) => i);

test('sequences are runs of the text, in order, spread over all of it', () => {
  let runs = 0;
  fc.assert(
    fc.property(
      fc.integer({ min: 1, max: 40 }),
      fc.integer({ min: 1, max: 50 }),
      fc.nat(3000),
      fc.nat(),
      (length, number, extra, seed) => {
        const tokens = count(length + extra);
        const packed = packSequences(tokens, { length, count: number, seed });
        assert.equal(packed.length, number * length);
        const stratum = (extra + 1) / number;
        for (let i = 0; i < number; i++) {
          const start = packed[i * length];
          for (let j = 0; j < length; j++) assert.equal(packed[i * length + j], start + j);
          assert.ok(start >= Math.floor(i * stratum) && start < (i + 1) * stratum, 'one start in each stratum');
          if (i > 0 && stratum >= length) assert.ok(start > packed[i * length - 1], 'no overlap');
        }
        runs++;
      },
    ),
    { numRuns: 300, seed: 1 },
  );
  assert.equal(runs, 300);
});

test('the same seed gives the same sequences, another seed others', () => {
  const tokens = count(100_000);
  const pack = (seed: number): Int32Array => packSequences(tokens, { length: 64, count: 20, seed });
  assert.deepEqual(pack(3), pack(3));
  assert.notDeepEqual(pack(3), pack(4));
});

test('BOS stands first in every sequence, before text', () => {
  const packed = packSequences(count(1000), { length: 8, count: 5, seed: 0, bos: -7 });
  for (let i = 0; i < 5; i++) {
    assert.equal(packed[i * 8], -7);
    for (let j = 2; j < 8; j++) assert.equal(packed[i * 8 + j], packed[i * 8 + 1] + j - 1);
  }
});

test('windows are consecutive, whole, and begin with BOS where there is one', () => {
  assert.deepEqual(Array.from(windows(count(11), { length: 4 })), [0, 1, 2, 3, 4, 5, 6, 7]);
  assert.deepEqual(Array.from(windows(count(11), { length: 4, bos: 99 })), [99, 1, 2, 3, 99, 5, 6, 7]);
  assert.deepEqual(Array.from(windows(count(40), { length: 4, count: 1 })), [0, 1, 2, 3]);
  const tokens = count(8);
  windows(tokens, { length: 4, bos: 99 });
  assert.equal(tokens[0], 0, 'the text itself stays');
});

test('too little text and impossible lengths are told in one line', () => {
  assert.throws(() => windows(count(7), { length: 4 }), UsageError);
  assert.throws(() => packSequences(count(7), { length: 8, count: 1, seed: 0 }), /has 7 tokens, expected at least 8/);
  assert.throws(() => packSequences(count(7), { length: 0, count: 1, seed: 0 }), /sequence length: found 0/);
  assert.throws(() => packSequences(count(7), { length: 2, count: 1.5, seed: 0 }), /sequence count: found 1.5/);
});
