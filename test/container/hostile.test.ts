import assert from 'node:assert/strict';
import { test } from 'node:test';
import { limits } from '../../src/container/gguf/format.ts';
import { readGguf } from '../../src/container/gguf/read.ts';
import { openGguf } from '../../src/container/gguf/shards.ts';
import { openTensorSource } from '../../src/container/open.ts';
import { limits as safetensorsLimits } from '../../src/container/safetensors/format.ts';
import { readSafetensors } from '../../src/container/safetensors/read.ts';
import { memorySource } from '../../src/container/source/memory.ts';
import { SourceWindow } from '../../src/container/source/window.ts';
import type { ByteSource } from '../../src/container/types.ts';
import { ByteWriter } from '../../src/core/bytes.ts';
import { FormatError } from '../../src/core/errors.ts';
import { writeGguf } from './support.ts';

type Part = (out: ByteWriter) => void;

/** A GGUF file out of hand-made parts, with its counts as given or as they are. */
function gguf(
  keys: Part[],
  tensors: Part[] = [],
  { version = 3, keyCount = keys.length, tensorCount = tensors.length, data = 64 } = {},
): Uint8Array {
  const out = new ByteWriter();
  out.u32(0x46554747);
  out.u32(version);
  out.u64(tensorCount);
  out.u64(keyCount);
  for (const part of [...keys, ...tensors]) part(out);
  out.zeros(((32 - (out.length % 32)) % 32) + data);
  return out.finish();
}

const key =
  (name: string, type: number, value: Part): Part =>
  (out) => {
    out.string64(name);
    out.u32(type);
    value(out);
  };
const u32 =
  (value: number): Part =>
  (out) =>
    out.u32(value);
const u64 =
  (value: number | bigint): Part =>
  (out) =>
    out.u64(value);
const array =
  (element: number, count: number | bigint, rest: Part = () => {}): Part =>
  (out) => {
    out.u32(element);
    out.u64(count);
    rest(out);
  };
const tensor =
  (name: string, ne: (number | bigint)[], type = 0, offset = 0, dimensions = ne.length): Part =>
  (out) => {
    out.string64(name);
    out.u32(dimensions);
    for (const n of ne) out.u64(n);
    out.u32(type);
    out.u64(offset);
  };

const ggufCases: [what: string, bytes: Uint8Array, message: RegExp][] = [
  ['an empty file', new Uint8Array(0), /has 0 bytes, a GGUF file has at least 24/],
  ['another magic', new Uint8Array(32), /begins with 0x00000000/],
  ['version 1', gguf([], [], { version: 1 }), /version 1; versions 2 and 3 are supported/],
  ['version 4', gguf([], [], { version: 4 }), /version 4/],
  ['version 0', gguf([], [], { version: 0 }), /version 0/],
  [
    'more key-values than bytes',
    gguf([], [], { keyCount: 1000 }),
    /declares 0 tensors and 1000 key-values, which take 13000 bytes or more; \d+ remain/,
  ],
  ['more tensors than bytes', gguf([], [], { tensorCount: 2 ** 40 }), /declares 1099511627776 tensors/],
  [
    'an overlong key',
    gguf([key('k'.repeat(limits.keyBytes + 1), 0, (out) => out.u8(1))]),
    /key 0 is 65536 bytes long, at most 65535/,
  ],
  ['a key that reaches beyond the file', gguf([u64(60000)]), /60000 bytes wanted at offset 32/],
  ['an empty key', gguf([key('', 0, (out) => out.u8(1))]), /key 0 is empty/],
  [
    'a key that is not UTF-8',
    gguf([key('aa', 0, (out) => out.u8(1))]).map((byte, i) => (i === 32 ? 0xff : byte)),
    /key 0 at offset 32 is not valid UTF-8/,
  ],
  ['a key with a terminal escape', gguf([key('\x1b[2J', 4, u32(1))]), /key 0 holds control characters: "\\u001b\[2J"/],
  ['a key twice', gguf([key('a', 4, u32(1)), key('a', 4, u32(2))]), /key a stands twice/],
  ['an unknown value type', gguf([key('a', 13, u32(1))]), /a has value type 13; expected 0 to 12/],
  ['a string beyond the file', gguf([key('a', 8, u64(4000))]), /a has a string of 4000 bytes/],
  [
    'a string of 2^53 bytes',
    gguf([key('a', 8, u64(2n ** 53n))]),
    /length of a string at offset 37 is 9007199254740992, beyond any file/,
  ],
  [
    'more array elements than bytes',
    gguf([key('a', 9, array(10, 1000))]),
    /a has 1000 elements of uint64, but only \d+ bytes remain/,
  ],
  ['more strings than bytes', gguf([key('a', 9, array(8, 1000))]), /a has 1000 elements of string/],
  [
    'an array of 2^24 elements and one',
    gguf([key('a', 9, array(0, limits.arrayCount + 1))]),
    /a has 16777217 elements, at most 16777216/,
  ],
  ['an array element type that is unknown', gguf([key('a', 9, array(99, 0))]), /a has value type 99/],
  [
    'arrays nested too deep',
    gguf([key('a', 9, array(9, 1, array(9, 1, array(9, 1, array(9, 1, array(0, 0))))))]),
    /nests arrays more than 4 deep/,
  ],
  [
    'arrays of mixed types',
    gguf([
      key(
        'a',
        9,
        array(9, 2, (out) => {
          array(0, 0)(out);
          array(8, 0)(out);
        }),
      ),
    ]),
    /mixes arrays of array:uint8 and array:string/,
  ],
  [
    'an alignment that is no power of two',
    gguf([key('general.alignment', 4, u32(24))]),
    /general.alignment is uint32 24; expected a power of two/,
  ],
  ['an alignment of 0', gguf([key('general.alignment', 4, u32(0))]), /general.alignment is uint32 0/],
  ['an alignment of another type', gguf([key('general.alignment', 10, u64(32))]), /general.alignment is uint64 32/],
  [
    'an overlong tensor name',
    gguf([], [tensor('t'.repeat(limits.nameBytes + 1), [1])]),
    /name of tensor 0 is 1025 bytes long/,
  ],
  ['a tensor name of two lines', gguf([], [tensor('a\nb', [1])]), /name of tensor 0 holds control characters/],
  ['five dimensions', gguf([], [tensor('t', [1, 1, 1, 1, 1])]), /tensor t has 5 dimensions, at most 4/],
  ['2^32 − 1 dimensions', gguf([], [tensor('t', [], 0, 0, 2 ** 32 - 1)]), /has 4294967295 dimensions/],
  ['a dimension of 0', gguf([], [tensor('t', [4, 0])]), /has a dimension of 0/],
  [
    'a dimension of 2^63',
    gguf([], [tensor('t', [2n ** 63n])]),
    /dimension 0 of t at offset \d+ is 9223372036854775808, beyond any file/,
  ],
  ['2^53 values', gguf([], [tensor('t', [2 ** 27, 2 ** 27])]), /more than 2\^53 values or bytes/],
  ['an unknown type', gguf([], [tensor('t', [1], 43)]), /type 43 is unknown; known are 0 to 42/],
  ['a removed type', gguf([], [tensor('t', [32], 31)]), /type 31 \(Q4_0_4_4\) was removed/],
  ['rows that are no whole blocks', gguf([], [tensor('t', [48], 2)]), /rows of 48 values are no whole blocks of Q4_0/],
  ['a tensor twice', gguf([], [tensor('t', [8]), tensor('t', [8], 0, 32)]), /tensor t stands twice/],
  [
    'an unaligned offset',
    gguf([], [tensor('t', [4], 0, 16)]),
    /tensor t begins at 16, not a multiple of the alignment 32/,
  ],
  [
    'an offset beyond the file',
    gguf([], [tensor('t', [4], 0, 2 ** 50)]),
    /tensor t ends at byte 11258999068\d+, the file at \d+/,
  ],
  ['data beyond the file', gguf([], [tensor('t', [17])]), /is the download complete/],
  [
    'tensors that overlap',
    gguf([], [tensor('a', [9]), tensor('b', [8], 0, 32)]),
    /tensors a and b overlap at data offset 32/,
  ],
];

for (const [what, bytes, message] of ggufCases) {
  test(`GGUF: rejects ${what}`, async () => {
    await assert.rejects(readGguf(memorySource(bytes, 'm')), (error: Error) => {
      assert.ok(error instanceof FormatError, String(error));
      assert.match(error.message, message);
      assert.match(error.message, /^m: [^\n]*$/);
      return true;
    });
  });
}

test('GGUF: rejects a header beyond the limit, before reading it', async () => {
  let read = 0;
  const source: ByteSource = {
    name: 'm',
    byteLength: 2 ** 40,
    read: async (start, end) => {
      read += end - start;
      return new Uint8Array(end - start);
    },
    close: async () => {},
  };
  await assert.rejects(
    new SourceWindow(source, { limit: 1000 }).ensure(1001),
    /1001 bytes wanted at offset 0, 1000 are accepted/,
  );
  assert.equal(read, 0);
});

test('GGUF: rejects a string above the limit, before reading it', async () => {
  const head = gguf([key('a', 8, u64(limits.stringBytes + 1))], [], { data: 0 });
  let most = 0;
  const source: ByteSource = {
    name: 'm',
    byteLength: 2 ** 40,
    async read(start, end) {
      most = Math.max(most, end);
      const bytes = new Uint8Array(end - start);
      if (start === 0) bytes.set(head);
      return bytes;
    },
    close: async () => {},
  };
  await assert.rejects(readGguf(source), /a has a string of 67108865 bytes; \d+ remain, at most 67108864 are accepted/);
  assert.ok(most <= 2 ** 20, `read up to byte ${most}`);
});

/** Shards `m-0000i-of-00002.gguf` of one tensor each; `second` changes the metadata of the second. */
async function shards(
  second: Record<string, number> = {},
  name = 'b',
  first: Record<string, number> = {},
): Promise<Map<string, Uint8Array>> {
  const file = (numbers: Record<string, number>, tensorName: string) =>
    writeGguf(
      new Map(Object.entries(numbers).map(([k, value]) => [k, { type: 'uint16', value }])),
      [{ name: tensorName, shape: [8], format: 'F32' }],
      new Map([[tensorName, new Uint8Array(32)]]),
    );
  return new Map([
    ['m-00001-of-00002.gguf', await file({ 'split.no': 0, 'split.count': 2, 'split.tensors.count': 2, ...first }, 'a')],
    ['m-00002-of-00002.gguf', await file({ 'split.no': 1, 'split.count': 2, ...second }, name)],
  ]);
}

async function openShards(files: Map<string, Uint8Array>, name = 'm-00001-of-00002.gguf', as = name) {
  const open = async (fileName: string) =>
    files.has(fileName) ? memorySource(files.get(fileName) as Uint8Array, fileName) : undefined;
  return openGguf(memorySource(files.get(name) as Uint8Array, `/models/${as}`), { name: 'models', open });
}

test('split GGUF files are one model', async () => {
  const file = await openShards(await shards());
  assert.deepEqual([...file.tensors.keys()], ['a', 'b']);
  assert.equal((await file.tensors.get('b')?.read())?.length, 32);
});

test('split GGUF: rejects missing, exchanged and contradictory shards', async () => {
  const lone = await shards();
  lone.delete('m-00002-of-00002.gguf');
  await assert.rejects(openShards(lone), /needs m-00002-of-00002.gguf beside it \(file 2 of 2\)/);
  await assert.rejects(openShards(await shards(), 'm-00002-of-00002.gguf'), /is file 2 of 2; open the first one/);
  await assert.rejects(
    openShards(await shards(), 'm-00001-of-00002.gguf', 'renamed.gguf'),
    /expected a name that ends in -00001-of-00002.gguf/,
  );
  await assert.rejects(
    openShards(await shards({ 'split.no': 0 })),
    /says it is split.no 0 of split.count 2; expected 1 of 2/,
  );
  await assert.rejects(openShards(await shards({}, 'a')), /tensor a stands in two of its files/);
  await assert.rejects(
    openShards(await shards({}, 'b', { 'split.tensors.count': 3 })),
    /hold 2 tensors; split.tensors.count says 3/,
  );
  await assert.rejects(
    openShards(await shards({}, 'b', { 'split.count': 60000 })),
    /split into 60000 files, at most 9999/,
  );
});

/** A safetensors file around a header. */
function safetensors(header: unknown, dataBytes = 0, length?: bigint): Uint8Array {
  const text = new TextEncoder().encode(typeof header === 'string' ? header : JSON.stringify(header));
  const out = new ByteWriter();
  out.u64(length ?? text.length);
  out.bytes(text);
  out.zeros(dataBytes);
  return out.finish();
}

const one = (fields: Record<string, unknown>) => ({ t: { dtype: 'F32', shape: [2], data_offsets: [0, 8], ...fields } });

const safetensorsCases: [what: string, bytes: Uint8Array, message: RegExp][] = [
  ['an empty file', new Uint8Array(0), /is empty; download it again/],
  ['a header beyond the file', safetensors('{}', 8, 11n), /declares a header of 11 bytes; 10 remain/],
  ['a header of 2^63 bytes', safetensors('{}', 8, 2n ** 63n), /header length at offset 0 is 9223372036854775808/],
  ['a header that is no object', safetensors('[1,2,3]'), /header begins with byte 91/],
  ['a header that is no JSON', safetensors('{"a":'), /is not valid JSON/],
  [
    'a header that is not UTF-8',
    safetensors('{"aaaa":1}').map((byte) => (byte === 0x61 ? 0xff : byte)),
    /header at offset 8 is not valid UTF-8/,
  ],
  ['metadata that is no object', safetensors({ __metadata__: 'x' }), /__metadata__ is not an object/],
  ['metadata that is not text', safetensors({ __metadata__: { a: 1 } }), /__metadata__ has "a" as number/],
  ['a tensor that is no object', safetensors({ t: 5 }), /tensor t is described by number/],
  ['an overlong name', safetensors({ ['t'.repeat(1025)]: {} }), /a tensor name is 1025 characters long/],
  ['a name with a terminal escape', safetensors({ '\x1b[2J': {} }), /a tensor name holds control characters/],
  ['an unknown dtype', safetensors(one({ dtype: 'Q4_K' }), 8), /tensor t has dtype "Q4_K"; known are/],
  ['a dtype of the prototype', safetensors(one({ dtype: 'toString' }), 8), /has dtype "toString"/],
  ['a negative dimension', safetensors(one({ shape: [-2] }), 8), /tensor t has a bad shape/],
  ['half a dimension', safetensors(one({ shape: [0.5] }), 8), /has a bad shape/],
  ['nine dimensions', safetensors(one({ shape: new Array(9).fill(1) }), 8), /has a bad shape/],
  ['2^53 values', safetensors(one({ shape: [2 ** 30, 2 ** 30] }), 8), /whole bytes below 2\^50/],
  [
    'half bytes',
    safetensors(one({ dtype: 'F4', shape: [3], data_offsets: [0, 2] }), 2),
    /does not fill a number of whole bytes/,
  ],
  ['offsets that are no pair', safetensors(one({ data_offsets: [0] }), 8), /bad data_offsets/],
  ['offsets in the wrong order', safetensors(one({ data_offsets: [8, 0] }), 8), /bad data_offsets/],
  [
    'offsets that contradict the shape',
    safetensors(one({ data_offsets: [0, 4] }), 4),
    /tensor t takes 4 bytes; F32 \[2\] takes 8/,
  ],
  [
    'tensors that overlap',
    safetensors({ ...one({}), u: { dtype: 'U8', shape: [4], data_offsets: [4, 8] } }, 8),
    /tensors t and u overlap at data offset 4/,
  ],
  [
    'a tensor twice',
    safetensors(
      '{"t":{"dtype":"U8","shape":[4],"data_offsets":[0,4]},"t":{"dtype":"U8","shape":[4],"data_offsets":[4,8]}}',
      8,
    ),
    /no tensor claims data bytes 0 to 4/,
  ],
  [
    'data beyond the file',
    safetensors(one({}), 7),
    /tensors end at byte \d+, the file at \d+; is the download complete/,
  ],
  ['data that no tensor claims', safetensors(one({}), 9), /tensors end at byte/],
];

for (const [what, bytes, message] of safetensorsCases) {
  test(`safetensors: rejects ${what}`, async () => {
    await assert.rejects(readSafetensors(memorySource(bytes, 'm')), (error: Error) => {
      assert.ok(error instanceof FormatError, String(error));
      assert.match(error.message, message);
      assert.match(error.message, /^m: [^\n]*$/);
      return true;
    });
  });
}

test('safetensors: rejects a header above the limit, before reading it', async () => {
  const head = safetensors('{}', 0, BigInt(safetensorsLimits.headerBytes + 1));
  const source: ByteSource = {
    name: 'm',
    byteLength: 2 ** 40,
    async read(start, end) {
      assert.ok(end <= 9, `read up to byte ${end}`);
      return head.subarray(start, end);
    },
    close: async () => {},
  };
  await assert.rejects(readSafetensors(source), /at most 100000000 are accepted/);
});

test('a safetensors header may nest as deep as it likes without harm', async () => {
  const deep = `{"t":${'['.repeat(100_000)}${']'.repeat(100_000)}}`;
  await assert.rejects(readSafetensors(memorySource(safetensors(deep))), FormatError);
});

test('rejects files that are neither container, and closes them', async () => {
  let closed = 0;
  const open = (bytes: Uint8Array) =>
    openTensorSource({
      ...memorySource(bytes, 'm'),
      close: async () => {
        closed++;
      },
    });
  await assert.rejects(
    open(Uint8Array.of(0x50, 0x4b, 5, 6)),
    /m: is neither GGUF nor safetensors \(its first bytes are 50 4b 05 06\)/,
  );
  await assert.rejects(open(new Uint8Array(0)), /m: is empty; download it again/);
  await assert.rejects(open(gguf([], [], { version: 9 })), /version 9/);
  assert.equal(closed, 3);
});
