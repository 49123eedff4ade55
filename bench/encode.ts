/**
 * Time of every number format's scale search, encoding and decoding, and the error they reach, on normal weights with
 * log-normal importance: `node bench/encode.ts [FORMAT…] [--quick] [--llama-quantize=PATH]`, or of kernels beside plain
 * JavaScript in every family: `node bench/encode.ts --families [FAMILY…]`. Times are the best of many short runs; the ratio is to one multiply-add over the same values in the same run, which stays put when the machine is busy or slow.
 * Given llama-quantize, also how many times its speed ours is on the matrices of the embedded model, by default of the
 * K-quants, IQ4_XS and IQ3_S.
 */
import { Random } from '../src/core/random.ts';
import { createWasmKernels } from '../src/kernels/wasm/index.ts';
import type { EncodeBackend } from '../src/numeric/backend.ts';
import { bitsPerWeight, format, formats } from '../src/numeric/table.ts';
import type { NumberFormat } from '../src/numeric/types.ts';
import { compareFamilies } from './support/encode-families.ts';
import { compareEncoders } from './support/llama-quantize.ts';
import { machine } from './support/machine.ts';

const LENGTH = 2048;
const PARTS = 24;
const QUICK = process.argv.includes('--quick');
const REPEATS = QUICK ? 6 : 60;
const COMPARED = ['Q2_K', 'Q3_K', 'Q4_K', 'Q5_K', 'Q6_K', 'IQ4_XS', 'IQ3_S'];
const TOOL = '--llama-quantize=';

const kernels = await createWasmKernels({ threads: 1 });
const random = new Random(1);
const values = Float32Array.from({ length: LENGTH * PARTS }, () => 0.02 * random.normal());
const importance = Float32Array.from(values, () => Math.exp(random.normal()));

/** Mean over parts of the best time, in ns per value. */
function time(work: (start: number, end: number) => void): number {
  const best = new Float64Array(PARTS).fill(Infinity);
  for (let repeat = 0; repeat < REPEATS; repeat++) {
    for (let part = 0; part < PARTS; part++) {
      const begin = performance.now();
      work(part * LENGTH, (part + 1) * LENGTH);
      best[part] = Math.min(best[part], performance.now() - begin);
    }
  }
  return (best.reduce((sum, t) => sum + t, 0) * 1e6) / values.length;
}

let sink = 0;
function multiplyAdd(start: number, end: number): void {
  let sum = 0;
  for (let i = start; i < end; i++) sum += values[i] * importance[i];
  sink += sum;
}

interface Row {
  'bits per weight': number;
  'fit + pack, ns': number | string;
  'encode, ns': number;
  'encode on WebAssembly, ns': number;
  'decode, ns': number;
  'fit + pack ÷ multiply-add': number | string;
  'relative error': string;
}

function measure(f: NumberFormat): Row {
  const bytes = (f.blockBytes * LENGTH) / f.blockSize;
  const blocks = new Uint8Array(bytes * PARTS);
  const decoded = new Float32Array(values.length);
  const byte = (start: number) => (start / LENGTH) * bytes;
  const encoded = (backend?: EncodeBackend) =>
    time((start, end) => {
      const part = blocks.subarray(byte(start), byte(end));
      f.encodeBlocks!(values.subarray(start, end), part, importance.subarray(start, end), backend);
    });
  const encode = encoded();
  const decode = time((start, end) =>
    f.decodeBlocks(blocks.subarray(byte(start), byte(end)), decoded.subarray(start, end)),
  );
  let error = 0;
  let energy = 0;
  for (let i = 0; i < values.length; i++) {
    error += importance[i] * (values[i] - decoded[i]) ** 2;
    energy += importance[i] * values[i] ** 2;
  }
  const fit = f.grid === undefined ? undefined : timeFit(f, byte);
  return {
    'bits per weight': bitsPerWeight(f),
    'fit + pack, ns': fit === undefined ? '' : round(fit),
    'encode, ns': round(encode),
    'encode on WebAssembly, ns': round(encoded(kernels)),
    'decode, ns': round(decode),
    'fit + pack ÷ multiply-add': fit === undefined ? '' : round(fit / time(multiplyAdd)),
    'relative error': (error / energy).toExponential(2),
  };
}

function timeFit(f: NumberFormat, byte: (start: number) => number): number {
  const grid = f.grid!;
  const blocks = new Uint8Array(byte(LENGTH));
  const scale = new Float32Array(LENGTH / grid.subBlock);
  const offset = new Float32Array(LENGTH / grid.subBlock);
  const codes = new Uint8Array(LENGTH);
  return time((start, end) => {
    grid.fit(values.subarray(start, end), importance.subarray(start, end), blocks, scale, offset);
    grid.pack(codes, blocks);
  });
}

function round(value: number): number {
  return Number(value.toPrecision(3));
}

const names = process.argv.slice(2).filter((argument) => !argument.startsWith('-'));
if (process.argv.includes('--families')) {
  console.log(`${machine()}, one thread`);
  console.table(compareFamilies(kernels, names));
  process.exit();
}
const chosen = names.length > 0 ? names.map(format) : [...formats.values()].filter((f) => f.encodeBlocks);
console.log(`${machine()}, one thread`);
console.log(`one multiply-add: ${round(time(multiplyAdd))} ns`);
console.table(Object.fromEntries(chosen.map((f) => [f.name, measure(f)])));
const tool = process.argv.find((argument) => argument.startsWith(TOOL))?.slice(TOOL.length);
if (tool !== undefined) {
  const times = await compareEncoders(tool, kernels, names.length > 0 ? names : COMPARED, QUICK ? 1 : 5);
  const rows = Array.from(times, ([name, { ours, theirs }]) => [
    name,
    { 'ours, ns': round(ours), 'llama-quantize, ns': round(theirs), 'times its speed': round(theirs / ours) },
  ]);
  console.table(Object.fromEntries(rows));
}
if (!Number.isFinite(sink)) throw new Error('unreachable: keeps the multiply-add from being removed');
