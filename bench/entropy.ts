/**
 * Entropy-coded formats beside zstd at level 19: bytes of whole tensors of the embedded model (or the one named), zstd on the
 * plain tensor and on its codes one a byte with its scales apart, whichever is smaller. Values come back without loss.
 * Million codes per second of one thread, kernels beside plain JavaScript: decoding, and coding without the inner format's
 * rounding. Best of a few runs.
 *
 *     node bench/entropy.ts [MODEL] [--tensors=REGEXP] [--formats=INT4_G128,…] [--quick]
 */
import { parseArgs } from 'node:util';
import { constants, zstdCompressSync } from 'node:zlib';
import { createWasmKernels } from '../src/kernels/wasm/index.ts';
import { openModel } from '../src/model/open.node.ts';
import { unpackBits } from '../src/numeric/bits.ts';
import { plainCoder } from '../src/numeric/entropy/coder.ts';
import { entry, registry } from '../src/numeric/registry.ts';
import { matrices } from '../src/quantize/sensitivity.ts';
import { assetPath } from '../src/text/assets.node.ts';
import { machine } from './support/machine.ts';

const { values: options, positionals } = parseArgs({
  allowPositionals: true,
  options: {
    tensors: { type: 'string' },
    formats: { type: 'string' },
    quick: { type: 'boolean', default: false },
  },
});
const SUFFIX = '_RANS';
const coded = [...registry.keys()].filter((name) => name.endsWith(SUFFIX)).map((name) => name.slice(0, -SUFFIX.length));
const names = options.formats?.split(',') ?? coded;
const wanted = new RegExp(options.tensors ?? (options.quick ? 'blk.0.attn' : '.'));

/** Decoding is short. */
const DECODES = 12;

interface Sums {
  plain: number;
  ours: number;
  zstd: number;
  weights: number;
  larger: number;
  /** Seconds. */
  time: Record<'decode' | 'decodeOwn' | 'encode' | 'encodeOwn', number>;
}

const kernels = await createWasmKernels({ threads: 1 });

/** Least seconds of a few runs. */
function seconds(work: () => void, runs = 3): number {
  const times = Array.from({ length: options.quick ? 1 : runs }, () => {
    const begin = performance.now();
    work();
    return (performance.now() - begin) / 1000;
  });
  return Math.min(...times);
}

/** What coding and decoding takes; rounding to the inner format is left out. */
function timeCoding(name: string, values: Float32Array, columns: number, small: Uint8Array, time: Sums['time']): void {
  const { format, tensor } = entry(name + SUFFIX);
  const { code, uncode } = tensor.coded!;
  const packed = uncode(small, columns, values.length, kernels.entropy);
  time.encode += seconds(() => code(packed, columns, values.length, kernels.entropy));
  time.encodeOwn += seconds(() => code(packed, columns, values.length, plainCoder));
  kernels.scope(() => {
    const bytes = kernels.u8(small.length);
    bytes.set(small);
    const out = kernels.f32(values.length);
    time.decode += seconds(() => kernels.decode(format, bytes, columns, out), DECODES);
    time.decodeOwn += seconds(() => tensor.decode(bytes, columns, out));
  });
}

function zstd(bytes: Uint8Array): number {
  return zstdCompressSync(bytes, { params: { [constants.ZSTD_c_compressionLevel]: 19 } }).length;
}

/** zstd on bytes as they are, or with integer codes of a group spread to one a byte where their layout is known. */
function smallestZstd(name: string, bytes: Uint8Array): number {
  const bits = Number(/^INT(\d)_G128$/.exec(name)?.[1]);
  if (!(bits < 8)) return zstd(bytes);
  const stride = 2 + 16 * bits;
  const codes = new Uint8Array((bytes.length / stride) * 128);
  for (let i = 0; i * stride < bytes.length; i++) unpackBits(bytes, i * stride + 2, 128, bits, codes, i * 128);
  return Math.min(zstd(bytes), zstd(codes) + zstd(bytes.filter((_, i) => i % stride < 2)));
}

function measure(name: string, values: Float32Array, columns: number, sums: Sums): void {
  const plain = entry(name).tensor;
  const small = entry(name + SUFFIX).tensor;
  const bytes = plain.encode(values, columns);
  const ours = small.encode(values, columns);
  const [expected, found] = [new Float32Array(values.length), new Float32Array(values.length)];
  plain.decode(bytes, columns, expected);
  small.decode(ours, columns, found);
  if (!found.every((value, i) => value === expected[i])) throw new Error(`${name}: values changed`);
  const theirs = smallestZstd(name, bytes);
  sums.plain += bytes.length;
  sums.ours += ours.length;
  sums.zstd += theirs;
  sums.weights += values.length;
  if (ours.length > theirs) sums.larger++;
  timeCoding(name, values, columns, ours, sums.time);
}

function speeds(weights: number, { decode, decodeOwn, encode, encodeOwn }: Sums['time']): string[] {
  const millions = (time: number) => (weights / time / 1e6).toPrecision(3);
  return [
    ...[millions(decode), (decodeOwn / decode).toFixed(1)],
    ...[millions(encode), (encodeOwn / encode).toFixed(1)],
  ];
}

console.log(machine());
const model = await openModel(positionals[0] ?? assetPath('tiny'));
const totals = new Map<string, Sums>(
  names.map((name) => {
    const time = { decode: 0, decodeOwn: 0, encode: 0, encodeOwn: 0 };
    return [name, { plain: 0, ours: 0, zstd: 0, weights: 0, larger: 0, time }] as const;
  }),
);
let count = 0;
for (const tensor of matrices(model).filter(({ name }) => wanted.test(name))) {
  const values = await tensor.load();
  const columns = tensor.shape[1];
  count++;
  for (const [name, sums] of totals) {
    const { format } = entry(name);
    if (!('blockSize' in format) || columns % format.blockSize === 0) measure(name, values, columns, sums);
  }
}
await model.close();
kernels.close();
console.log(
  `${count} matrices\nformat\tbits/weight\tcoded\tzstd\tcoded ÷ zstd\tmatrices larger than zstd's\t` +
    'decode, M/s\t× JavaScript\tcode, M/s\t× JavaScript',
);
for (const [name, { plain, ours, zstd: theirs, weights, larger, time }] of totals) {
  const bits = [plain, ours, theirs].map((bytes) => ((8 * bytes) / weights).toFixed(3));
  console.log([name, ...bits, (ours / theirs).toFixed(4), larger, ...speeds(weights, time)].join('\t'));
}
