/**
 * Decoding of every format that a kernel decodes: billion weights per second of WebAssembly and of the format's own
 * decoder, one thread each, beside a plain copy of as many float32, in turns in the same run, written over an array that
 * does not fit the second-level cache; best times of every part. `npm run bench -- decode-formats`, or `node bench/decode-formats.ts [FORMAT…]`;
 * `--quick`: fewer rounds.
 */
import { Random } from '../src/core/random.ts';
import type { Kernels } from '../src/kernels/contract.ts';
import { createWasmKernels } from '../src/kernels/wasm/index.ts';
import { type Entry, entry, registry } from '../src/numeric/registry.ts';
import { machine } from './support/machine.ts';
import { median } from './support/median.ts';

const quick = process.argv.includes('--quick');
const ROWS = 8;
const COLUMNS = 4096;
const VALUES = ROWS * COLUMNS;
/** Places that are written in turn: 8 MiB. */
const SLOTS = 64;
const ROUNDS = quick ? 4 : 12;

const random = new Random(1);
const weights = Float32Array.from({ length: VALUES }, () => 0.02 * random.normal());

interface Row {
  family: string;
  'G weights/s': number;
  'own decoder': number;
  '÷ own decoder': number;
  '÷ copy': number;
}

/** Adds one round of `work` to the best times of every slot, in seconds. */
function time(out: Float32Array, best: Float64Array, work: (values: Float32Array) => void): void {
  for (let slot = 0; slot < SLOTS; slot++) {
    const values = out.subarray(slot * VALUES, (slot + 1) * VALUES);
    const begin = performance.now();
    work(values);
    best[slot] = Math.min(best[slot], (performance.now() - begin) / 1000);
  }
}

function measure(kernels: Kernels, { family, format, tensor }: Entry, out: Float32Array, source: Float32Array): Row {
  return kernels.scope(() => {
    const encoded = tensor.encode(weights, COLUMNS);
    const bytes = kernels.u8(encoded.length);
    bytes.set(encoded);
    const [copy, own, ours] = Array.from({ length: 3 }, () => new Float64Array(SLOTS).fill(Infinity));
    for (let k = 0; k < ROUNDS; k++) {
      time(out, copy, (values) => values.set(source));
      time(out, own, (values) => tensor.decode(bytes, COLUMNS, values));
      time(out, ours, (values) => kernels.decode(format, bytes, COLUMNS, values));
    }
    const [copyTime, ownTime, ourTime] = [copy, own, ours].map((best) => best.reduce((sum, t) => sum + t, 0));
    return {
      family: family.name,
      'G weights/s': round((SLOTS * VALUES) / ourTime / 1e9),
      'own decoder': round((SLOTS * VALUES) / ownTime / 1e9),
      '÷ own decoder': round(ownTime / ourTime),
      '÷ copy': round(copyTime / ourTime),
    };
  });
}

function round(value: number): number {
  return Number(value.toPrecision(2));
}

const kernels = await createWasmKernels({ threads: 1 });
const out = kernels.f32(SLOTS * VALUES);
const source = kernels.upload(weights);
const names = process.argv.slice(2).filter((argument) => !argument.startsWith('-'));
const chosen = names.length > 0 ? names.map(entry) : [...registry.values()];
const served = chosen.filter(({ format }) => kernels.decodes(format));
const rows = served.map((one) => [one.format.name, measure(kernels, one, out, source)] as const);
console.log(`${machine()}, ${kernels.name}, one thread, seed 1`);
console.table(Object.fromEntries(rows));
const rates = rows.map(([, row]) => row['G weights/s']);
console.log(
  `${rows.length} of ${chosen.length} formats; ${rates.filter((rate) => rate >= 1).length} decode 1 G weights/s or more; ` +
    `median ${median(rows.map(([, row]) => row['÷ own decoder']))} times the own decoder`,
);
kernels.close();
