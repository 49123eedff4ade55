/**
 * Decoding of every format that a kernel decodes: billion weights per second of WebAssembly and of the format's own
 * decoder, one thread each, beside a plain copy of as many float32. All in turns over the same 128 KiB, best times.
 * `npm run bench -- decode-formats`, or `node bench/decode-formats.ts [FORMAT…]`; `--quick`: fewer rounds.
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
const ROUNDS = quick ? 60 : 300;

const random = new Random(1);
const weights = Float32Array.from({ length: VALUES }, () => 0.02 * random.normal());

interface Row {
  family: string;
  'G weights/s': number;
  'own decoder': number;
  '÷ own decoder': number;
  '÷ copy': number;
}

/** Seconds of `work`. */
function seconds(work: () => void): number {
  const begin = performance.now();
  work();
  return (performance.now() - begin) / 1000;
}

function measure(kernels: Kernels, { family, format, tensor }: Entry, out: Float32Array, source: Float32Array): Row {
  return kernels.scope(() => {
    const encoded = tensor.encode(weights, COLUMNS);
    const bytes = kernels.u8(encoded.length);
    bytes.set(encoded);
    let [copyTime, ownTime, ourTime] = [Infinity, Infinity, Infinity];
    for (let k = 0; k < ROUNDS; k++) {
      ownTime = Math.min(
        ownTime,
        seconds(() => tensor.decode(bytes, COLUMNS, out)),
      );
      copyTime = Math.min(
        copyTime,
        seconds(() => out.set(source)),
      );
      ourTime = Math.min(
        ourTime,
        seconds(() => kernels.decode(format, bytes, COLUMNS, out)),
      );
    }
    return {
      family: family.name,
      'G weights/s': round(VALUES / ourTime / 1e9),
      'own decoder': round(VALUES / ownTime / 1e9),
      '÷ own decoder': round(ownTime / ourTime),
      '÷ copy': round(copyTime / ourTime),
    };
  });
}

function round(value: number): number {
  return Number(value.toPrecision(2));
}

const kernels = await createWasmKernels({ threads: 1 });
const out = kernels.f32(VALUES);
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
