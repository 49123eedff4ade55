/**
 * Entropy-coded formats beside zstd at level 19: bytes of whole tensors of the embedded model (or the one named), zstd on the
 * plain tensor and on its codes one a byte with its scales apart, whichever is smaller. Values come back without loss.
 *
 *     node bench/entropy.ts [MODEL] [--tensors=REGEXP] [--formats=INT4_G128,…] [--quick]
 */
import { parseArgs } from 'node:util';
import { constants, zstdCompressSync } from 'node:zlib';
import { openModel } from '../src/model/open.node.ts';
import { unpackBits } from '../src/numeric/bits.ts';
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

interface Sums {
  plain: number;
  ours: number;
  zstd: number;
  weights: number;
  larger: number;
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
}

console.log(machine());
const model = await openModel(positionals[0] ?? assetPath('tiny'));
const totals = new Map<string, Sums>(
  names.map((name) => [name, { plain: 0, ours: 0, zstd: 0, weights: 0, larger: 0 }] as const),
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
console.log(`${count} matrices\nformat\tbits/weight\tcoded\tzstd\tcoded ÷ zstd\tmatrices larger than zstd's`);
for (const [name, { plain, ours, zstd: theirs, weights, larger }] of totals) {
  const bits = [plain, ours, theirs].map((bytes) => ((8 * bytes) / weights).toFixed(3));
  console.log([name, ...bits, (ours / theirs).toFixed(4), larger].join('\t'));
}
