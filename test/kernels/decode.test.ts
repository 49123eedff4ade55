import assert from 'node:assert/strict';
import { after, before, describe, test } from 'node:test';
import { Random } from '../../src/core/random.ts';
import type { Kernels } from '../../src/kernels/contract.ts';
import { createWasmKernels } from '../../src/kernels/wasm/index.ts';
import { builds } from '../../src/kernels/wasm/platform.ts';
import { type Entry, isBlocked, registry } from '../../src/numeric/registry.ts';
import { formats } from '../../src/numeric/table.ts';

const entries = [...registry.values()];

/** Rows and columns: short, long, and of lengths that are no multiple of anything where the format allows. */
function shapes({ format }: Entry): [number, number][] {
  if (!isBlocked(format) && format.coded) return [...shapes({ format: format.coded.format } as Entry), [9, 4096]];
  if (!isBlocked(format))
    return [
      [3, 64],
      [2, 1600],
      [1, 2688],
    ].concat(
      takesOddRows(format)
        ? [
            [5, 7],
            [3, 37],
            [1, 1301],
          ]
        : [],
    ) as [number, number][]; // prettier-ignore
  return [1, 2, 3, 11].map((blocks) => [3, blocks * format.blockSize]);
}

function takesOddRows(format: Entry['tensor']): boolean {
  try {
    format.decode(new Uint8Array(format.storedBytes(1, 7)), 7, new Float32Array(7));
    return true;
  } catch {
    return false;
  }
}

/** Arbitrary bytes; an entropy code of arbitrary values where lengths depend on them. */
function anyBytes(
  backend: Kernels,
  tensor: Entry['tensor'],
  rows: number,
  columns: number,
  random: Random,
): Uint8Array {
  if (tensor.isVariable) {
    const encoded = tensor.encode(
      Float32Array.from({ length: rows * columns }, () => random.normal()),
      columns,
    );
    const copied = backend.u8(encoded.length);
    copied.set(encoded);
    return copied;
  }
  const bytes = backend.u8(tensor.storedBytes(rows, columns));
  for (let i = 0; i < bytes.length; i++) bytes[i] = random.integer(256);
  return bytes;
}

/** Equal bits, any NaN for NaN. */
function assertSame(found: Float32Array, expected: Float32Array, what: string): void {
  const bits = (values: Float32Array) =>
    new Uint32Array(values.slice().buffer).map((b, i) => (Number.isNaN(values[i]) ? 0x7fc00000 : b)); // prettier-ignore
  const [a, b] = [bits(found), bits(expected)];
  const at = a.findIndex((value, i) => value !== b[i]);
  assert.equal(at, -1, `${what}: value ${at} is ${found[at]}, expected ${expected[at]}`);
}

for (const build of builds) {
  describe(`${build} build`, () => {
    let kernels: Kernels;
    before(async () => {
      kernels = await createWasmKernels({ build, threads: 1 });
    });
    after(() => kernels.close());

    function check(backend: Kernels, { format, tensor }: Entry, rows: number, columns: number, seed: number): void {
      const random = new Random(seed).fork(format.name);
      backend.scope(() => {
        const bytes = anyBytes(backend, tensor, rows, columns, random);
        const values = backend.f32(rows * columns + 1).fill(77);
        const expected = new Float32Array(rows * columns);
        tensor.decode(bytes, columns, expected);
        backend.decode(format, bytes, columns, values.subarray(0, rows * columns));
        assertSame(values.subarray(0, rows * columns), expected, `${format.name} ${rows} x ${columns}`);
        assert.equal(values[rows * columns], 77, `${format.name}: wrote past the end`);
      });
    }

    test('every served format decodes arbitrary bytes bit for bit as its own decoder', () => {
      const served = entries.filter(({ format }) => kernels.decodes(format));
      assert.equal(served.length, entries.length, 'every format of the registry');
      let cases = 0;
      for (const entry of served) {
        for (const [rows, columns] of shapes(entry)) {
          check(kernels, entry, rows, columns, cases);
          cases++;
        }
      }
      assert.ok(cases > 4 * served.length, `${cases} cases`);
    });

    test('scales of every exponent, infinite and NaN ones too, decode as in the format’s own decoder', () => {
      let cases = 0;
      for (const format of formats.values()) {
        const { blockSize, blockBytes } = format;
        for (const fill of [0, 0x7c, 0xfc, 0x7f, 0xff, 0x80, 1]) {
          const random = new Random(fill).fork(format.name);
          kernels.scope(() => {
            const bytes = kernels.u8(blockBytes * 8);
            for (let i = 0; i < bytes.length; i++) bytes[i] = random.uniform() < 0.5 ? fill : random.integer(256);
            const values = kernels.f32(8 * blockSize);
            const expected = new Float32Array(8 * blockSize);
            format.decodeBlocks(bytes, expected);
            kernels.decode(format, bytes, 8 * blockSize, values);
            assertSame(values, expected, `${format.name} full of ${fill}`);
          });
          cases++;
        }
      }
      assert.equal(cases, 7 * formats.size);
    });

    test('three threads decode the same bits as one', async () => {
      const several = await createWasmKernels({ build, threads: 3 });
      const names = [
        'Q4_K',
        'IQ3_S',
        'F16',
        'INT4_G128',
        'UINT3_CHANNEL',
        'SINT5_TENSOR',
        'NF4',
        'TERNARY_TL1',
        'DFP16',
        'TRELLIS_2.75',
        'E8P_RVQ3',
        ...['PTQ1_61', 'TERNARY_TL2', 'RANK1_LINEAR4', 'BF16X2', 'BF16X3', 'F16_BACKUP_TENSOR'],
        ...['Q8_0_RANS'],
      ];
      for (const name of names) check(several, registry.get(name)!, 63, 4096, 1);
      several.close();
      assert.equal(names.length, 18);
    });

    test('rejects bytes and values of other lengths', () => {
      kernels.scope(() => {
        const q4 = registry.get('Q4_K')!.format;
        const int4 = registry.get('INT4_CHANNEL')!.format;
        assert.throws(() => kernels.decode(q4, kernels.u8(143), 256, kernels.f32(256)), RangeError);
        assert.throws(() => kernels.decode(q4, kernels.u8(144), 100, kernels.f32(100)), RangeError);
        assert.throws(() => kernels.decode(int4, kernels.u8(8), 10, kernels.f32(10)), RangeError);
        assert.throws(() => kernels.decode(int4, kernels.u8(9), 10, kernels.f32(15)), RangeError);
      });
    });
  });
}
