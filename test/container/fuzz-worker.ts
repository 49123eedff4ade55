import assert from 'node:assert/strict';
import { parentPort, workerData } from 'node:worker_threads';
import { readGguf } from '../../src/container/gguf/read.ts';
import { readImatrix, writeImatrix } from '../../src/container/imatrix.ts';
import { readKlBase } from '../../src/container/kl-base.ts';
import { readSafetensors } from '../../src/container/safetensors/read.ts';
import { SafetensorsWriter } from '../../src/container/safetensors/write.ts';
import { MemorySink, memorySource } from '../../src/container/source/memory.ts';
import type { ByteSource, MetadataValue, TensorFile } from '../../src/container/types.ts';
import { FormatError } from '../../src/core/errors.ts';
import { Random } from '../../src/core/random.ts';
import type { TypedMetadata } from '../../src/text/types.ts';
import { randomBytes, writeGguf } from './support.ts';

/** What a fuzzing worker is asked for. */
export interface FuzzJob {
  job: 'models' | 'statistics';
  seed: number;
  rounds: number;
}

export interface FuzzOutcome {
  /** Damaged files that could still be read, and those refused with a FormatError. Any other error ends the worker. */
  read: number;
  rejected: number;
  /** Elements of the longest array constructed, and bytes of the longest file. */
  longestArray: number;
  longestFile: number;
}

const metadata = new Map<string, TypedMetadata>([
  ['general.architecture', { type: 'string', value: 'llama' }],
  ['general.alignment', { type: 'uint32', value: 32 }],
  ['a', { type: 'float32', value: 1 }],
  ['b', { type: 'uint64', value: 7 }],
  ['s', { type: 'array:string', value: ['Ġthe', '', '日本', 'plain text'] }],
  ['i', { type: 'array:int32', value: [1, 2, 3] }],
  ['n', { type: 'array:array:uint8', value: [[1], [2, 3]] }],
]);
const tensors = [
  { name: 'token_embd.weight', shape: [2, 32], format: 'Q8_0' },
  { name: 'blk.0.attn_norm.weight', shape: [4], format: 'F32' },
  { name: 'x', shape: [1, 2, 3], format: 'BF16' },
];

async function seeds(): Promise<
  [what: string, bytes: Uint8Array, read: (source: ByteSource) => Promise<TensorFile>][]
> {
  const random = new Random(1);
  const data = new Map([
    ['token_embd.weight', randomBytes(random, 68)],
    ['blk.0.attn_norm.weight', randomBytes(random, 16)],
    ['x', randomBytes(random, 12)],
  ]);
  const sink = new MemorySink();
  const plans = [
    { name: 'w', shape: [2, 3], format: 'BF16' },
    { name: 'b', shape: [3], format: 'F32' },
    { name: 'e', shape: [0], format: 'I64' },
  ];
  const writer = await SafetensorsWriter.create(sink, plans, new Map([['format', 'pt']]));
  await writer.write('w', randomBytes(random, 12));
  await writer.write('b', randomBytes(random, 12));
  await writer.finish();
  return [
    ['GGUF 3', await writeGguf(metadata, tensors, data), readGguf],
    ['GGUF 2', await writeGguf(metadata, tensors, data, { version: 2 }), readGguf],
    ['GGUF big-endian', await writeGguf(metadata, tensors, data, { littleEndian: false }), readGguf],
    ['safetensors', sink.bytes(), readSafetensors],
  ];
}

/** Counts that break careless arithmetic. */
const boundaries = [
  0n,
  1n,
  0x7fn,
  0xffn,
  0xffffn,
  2n ** 24n,
  2n ** 31n - 1n,
  2n ** 31n,
  2n ** 32n - 1n,
  2n ** 32n,
  2n ** 53n - 1n,
  2n ** 53n,
  2n ** 63n - 1n,
  2n ** 63n,
  2n ** 64n - 1n,
];

/** One to three hurts: flipped bits, cut ends, parts moved, removed or put in, numbers at their boundaries. */
function mutate(random: Random, seed: Uint8Array): Uint8Array {
  let bytes = seed.slice();
  for (let hurts = 1 + random.integer(3); hurts > 0 && bytes.length > 0; hurts--) {
    const at = random.integer(bytes.length);
    const length = Math.min(1 + random.integer(24), bytes.length - at);
    switch (random.integer(7)) {
      case 0:
        bytes[at] ^= 1 << random.integer(8);
        break;
      case 1:
        bytes[at] = random.integer(256);
        break;
      case 2:
        bytes = bytes.slice(0, at);
        break;
      case 3:
        bytes.copyWithin(random.integer(bytes.length), at, at + length);
        break;
      case 4:
        bytes = Uint8Array.of(...bytes.subarray(0, at), ...bytes.subarray(at + length));
        break;
      case 5:
        bytes = Uint8Array.of(...bytes.subarray(0, at), ...bytes.subarray(random.integer(at + 1)));
        break;
      default:
        overwrite(random, bytes, at);
    }
  }
  return bytes;
}

function overwrite(random: Random, bytes: Uint8Array, at: number): void {
  const value = [...boundaries, BigInt(bytes.length), BigInt(bytes.length - at)][random.integer(boundaries.length + 2)];
  const width = random.integer(2) === 0 ? 4 : 8;
  if (at + width > bytes.length) return;
  const view = new DataView(bytes.buffer);
  const littleEndian = random.integer(4) > 0;
  if (width === 4) view.setUint32(at, Number(value & 0xffffffffn), littleEndian);
  else view.setBigUint64(at, value, littleEndian);
}

/** Values that a metadata value holds, at any depth. */
function valueCount(value: MetadataValue): number {
  if (typeof value === 'string') return value.length;
  return Array.isArray(value) ? value.reduce((sum: number, inner) => sum + valueCount(inner), value.length) : 1;
}

/** What was read is no larger than the file, and every tensor can be read. */
async function checkRead(what: string, file: TensorFile, bytes: Uint8Array): Promise<void> {
  let values = 0;
  for (const value of file.metadata.values()) values += valueCount(value);
  assert.ok(values <= bytes.length, `${what}: ${values} values out of ${bytes.length} bytes`);
  let data = 0;
  for (const tensor of file.tensors.values()) {
    const read = await tensor.read();
    assert.equal(read.length, tensor.byteLength);
    data += read.length;
  }
  assert.ok(data <= bytes.length, `${what}: ${data} bytes of tensors out of ${bytes.length}`);
}

/** Runs `work` and returns the length of the longest array that was constructed meanwhile. */
async function longestArray(work: () => Promise<void>): Promise<number> {
  let longest = 0;
  const originals = { Array, Uint8Array, Uint16Array, Uint32Array, Float32Array };
  for (const [name, original] of Object.entries(originals)) {
    const watched = new Proxy(original, {
      construct(target, args, newTarget) {
        const length = typeof args[0] === 'number' ? args[0] : 0;
        longest = Math.max(longest, length);
        return Reflect.construct(target, args, newTarget);
      },
    });
    Object.assign(globalThis, { [name]: watched });
  }
  try {
    await work();
  } finally {
    Object.assign(globalThis, originals);
  }
  return longest;
}

/** Reads `rounds` damaged GGUF and safetensors files. */
async function fuzzModels(random: Random, rounds: number): Promise<FuzzOutcome> {
  const outcome: FuzzOutcome = { read: 0, rejected: 0, longestArray: 0, longestFile: 0 };
  const files = await seeds();
  outcome.longestArray = await longestArray(async () => {
    for (let round = 0; round < rounds; round++) {
      const [what, seed, read] = files[round % files.length];
      const bytes = mutate(random, seed);
      outcome.longestFile = Math.max(outcome.longestFile, bytes.length);
      await attempt(outcome, `${what}, round ${round}`, async () => {
        await checkRead(what, await read(memorySource(bytes)), bytes);
      });
    }
  });
  return outcome;
}

/** Reads `rounds` damaged importance matrices, GGUF and legacy, and KL base files. */
async function fuzzStatistics(random: Random, rounds: number): Promise<FuzzOutcome> {
  const outcome: FuzzOutcome = { read: 0, rejected: 0, longestArray: 0, longestFile: 0 };
  const readers = await statisticsSeeds();
  for (let round = 0; round < rounds; round++) {
    const [what, seed, read] = readers[round % readers.length];
    const source = memorySource(mutate(random, seed));
    await attempt(outcome, `${what}, round ${round}`, () => read(source));
  }
  return outcome;
}

async function attempt(outcome: FuzzOutcome, what: string, read: () => Promise<unknown>): Promise<void> {
  try {
    await read();
    outcome.read++;
  } catch (error) {
    if (!(error instanceof FormatError)) throw new Error(`${what}: ${String(error)}`, { cause: error });
    assert.ok(!error.message.includes('\n'), `${what}: ${error.message}`);
    outcome.rejected++;
  }
}

async function statisticsSeeds(): Promise<
  [what: string, bytes: Uint8Array, read: (source: ByteSource) => Promise<unknown>][]
> {
  const sink = new MemorySink();
  const entry = { sums: Float32Array.of(1, 2, 3), counts: Float32Array.of(2) };
  const entries = new Map([['blk.0.attn_q.weight', entry]]);
  await writeImatrix({ datasets: ['a'], chunkCount: 1, chunkSize: 512, entries }, sink);
  const legacy = [1, 0, 0, 0, 1, 0, 0, 0, 0x78, 1, 0, 0, 0, 1, 0, 0, 0, 0, 0, 128, 63, 3, 0, 0, 0, 1, 0, 0, 0, 0x77];
  const klBase = [
    ...new TextEncoder().encode('_logits_'),
    4,
    0,
    0,
    0,
    2,
    0,
    0,
    0,
    1,
    0,
    0,
    0,
    ...new Uint8Array(16 + 12),
  ];
  return [
    ['imatrix', sink.bytes(), readImatrix],
    ['legacy imatrix', Uint8Array.from(legacy), readImatrix],
    ['KL base', Uint8Array.from(klBase), async (source) => (await readKlBase(source)).chunk(0)],
  ];
}

// Most rounds end in an error; nobody looks at where it was thrown.
Error.stackTraceLimit = 0;
const { job, seed, rounds } = workerData as FuzzJob;
const fuzz = { models: fuzzModels, statistics: fuzzStatistics }[job];
parentPort?.postMessage(await fuzz(new Random(seed), rounds));
