/**
 * Encoding of values that are chosen together: nanoseconds a weight of the definition in JavaScript and of kernels, one thread
 * each, in turns over the same normal weights with log-normal importance, best times. Bytes must be the same.
 * `npm run bench -- encode-vectors`, or `node bench/encode-vectors.ts [FORMAT…]`; `--quick`: one round.
 */
import { Random } from '../src/core/random.ts';
import { createWasmKernels } from '../src/kernels/wasm/index.ts';
import type { EncodeBackend } from '../src/numeric/backend.ts';
import { vectors } from '../src/numeric/families/vector.ts';
import { type Entry, entry } from '../src/numeric/registry.ts';
import { machine } from './support/machine.ts';
import { median } from './support/median.ts';

const COLUMNS = 512;
const ROWS = 16;
/** Trellises are slow; books are learned from the tensor, which on few rows is most of the time. */
const OTHER_ROWS = { TRELLIS: 2, ADDITIVE: 64 };
const PLANES = ['BINARY_X2', 'BINARY_X3', 'TRIT_PLANES'];
const ROUNDS = process.argv.includes('--quick') ? 1 : 3;

const kernels = await createWasmKernels({ threads: 1 });

interface Row {
  'definition, ns': number;
  'kernels, ns': number;
  'definition ÷ kernels': number;
}

function measure({ format, tensor }: Entry): Row {
  const random = new Random(1);
  const rows = OTHER_ROWS[format.name.split('_')[0] as keyof typeof OTHER_ROWS] ?? ROWS;
  const values = Float32Array.from({ length: rows * COLUMNS }, () => 0.02 * random.normal());
  const importance = values.map(() => Math.exp(random.normal()));
  const encode = (backend?: EncodeBackend): { bytes: Uint8Array; time: number } => {
    const begin = performance.now();
    const bytes = tensor.encode(values, COLUMNS, importance, backend);
    return { bytes, time: ((performance.now() - begin) * 1e6) / values.length };
  };
  const best = { own: Infinity, ours: Infinity };
  for (let round = 0; round < ROUNDS; round++) {
    const [own, ours] = [encode(), encode(kernels)];
    if (Buffer.compare(own.bytes, ours.bytes) !== 0) throw new Error(`${format.name}: kernels gave other bytes`);
    best.own = Math.min(best.own, own.time);
    best.ours = Math.min(best.ours, ours.time);
  }
  const ratio = rounded(best.own / best.ours);
  return { 'definition, ns': rounded(best.own), 'kernels, ns': rounded(best.ours), 'definition ÷ kernels': ratio };
}

function rounded(value: number): number {
  return Number(value.toPrecision(2));
}

const names = process.argv.slice(2).filter((argument) => !argument.startsWith('-'));
const all = [...PLANES, ...vectors.formats.map(({ name }) => name)];
const table = (names.length > 0 ? names : all).map((name) => [name, measure(entry(name))] as const);
console.log(`${machine()}, ${kernels.name}, one thread, seed 1`);
console.table(Object.fromEntries(table));
console.log(`median ${median(table.map(([, row]) => row['definition ÷ kernels']))} times the definition`);
kernels.close();
