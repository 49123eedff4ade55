import assert from 'node:assert/strict';
import { test } from 'node:test';
import { Random } from '../../src/core/random.ts';
import { registry } from '../../src/numeric/registry.ts';
import type { NumberFormat } from '../../src/numeric/types.ts';
import { onEveryBuild } from './support.ts';

const FAMILIES = ['float', 'minifloat', 'multi-component float'];
const casts = [...registry.values()]
  .filter(({ family, format }) => FAMILIES.includes(family.name) && format.name !== 'F32')
  .map(({ format }) => format as NumberFormat);

/** Values of bit patterns. */
function floats(bits: Uint32Array): Float32Array {
  return new Float32Array(bits.buffer);
}

/**
 * The upper half of a float32 counted through, each with nothing, a little less and a little more than half, and half behind
 * it: every bfloat16, every binary16 and minifloat, and what is midway between two of them.
 */
function everyHalf(): Float32Array {
  const lower = [0, 0x7fff, 0x8000, 0x8001];
  return floats(Uint32Array.from({ length: 4 * 65536 }, (_, i) => (i >> 2) * 65536 + lower[i & 3]));
}

/** Midpoints of neighbouring binary16, and the float32 next to them. */
function halfMidpoints(): Float32Array {
  const all = new Float16Array(Uint16Array.from({ length: 0x7c00 }, (_, i) => i).buffer);
  return floats(
    Uint32Array.from({ length: 6 * (all.length - 1) }, (_, i) => {
      const k = Math.floor(i / 6);
      const middle = new Uint32Array(Float32Array.of((all[k] + all[k + 1]) / 2).buffer)[0];
      return middle + ((i % 3) - 1) + (i % 6 < 3 ? 0 : 0x80000000);
    }),
  );
}

test('casts on kernels give the bytes of their definition: all 16-bit floats, all ties, any bit patterns', async () => {
  const random = new Random(5);
  const patterns = floats(Uint32Array.from({ length: 1 << 17 }, () => Math.floor(random.uniform() * 2 ** 32)));
  const samples = [everyHalf(), halfMidpoints(), patterns].map((values) => {
    const whole = values.subarray(0, values.length - (values.length % 8));
    return casts.map((format) => {
      const bytes = new Uint8Array((whole.length / format.blockSize) * format.blockBytes);
      format.encodeBlocks!(whole, bytes);
      return { format, values: whole, bytes };
    });
  });
  let cases = 0;
  await onEveryBuild((kernels) => {
    for (const { format, values, bytes } of samples.flat()) {
      const found = new Uint8Array(bytes.length);
      format.encodeBlocks!(values, found, undefined, kernels);
      const at = Buffer.compare(found, bytes) === 0 ? -1 : found.findIndex((byte, i) => byte !== bytes[i]);
      const value = values[Math.floor((at * format.blockSize) / format.blockBytes)];
      assert.equal(
        at,
        -1,
        `${kernels.name}: ${format.name} of ${value}, byte ${at}: ${found[at]}, expected ${bytes[at]}`,
      );
      cases++;
    }
  });
  assert.equal(cases, 3 * 3 * casts.length);
  assert.ok(casts.length >= 35, `${casts.length} casts`);
});

test('casts of few values: lengths around the lanes of vectors, at bytes of any address', async () => {
  const random = new Random(6);
  let cases = 0;
  await onEveryBuild((kernels) => {
    for (const format of casts) {
      for (const blocks of [1, 2, 3, 5, 7, 8, 9, 15, 16, 17, 31, 33, 129, 1025]) {
        const values = Float32Array.from({ length: blocks * format.blockSize }, () => random.normal());
        const room = new Uint8Array(blocks * format.blockBytes + 3).fill(77);
        const expected = room.slice();
        format.encodeBlocks!(values, expected.subarray(1, -2));
        format.encodeBlocks!(values, room.subarray(1, -2), undefined, kernels);
        assert.deepEqual(room, expected, `${kernels.name}: ${format.name} of ${values.length} values`);
        cases++;
      }
    }
  });
  assert.equal(cases, 3 * 14 * casts.length);
});

test('casts reject bytes of another length', async () => {
  await onEveryBuild((kernels) => {
    const bf16 = registry.get('BF16')!.format as NumberFormat;
    assert.throws(
      () => bf16.encodeBlocks!(new Float32Array(4), new Uint8Array(9), undefined, kernels),
      /9 bytes, expected 8/,
    );
  });
});
