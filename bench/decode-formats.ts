/**
 * Decoding of every format that a kernel decodes: billion weights per second of WebAssembly and of the format's own
 * decoder, one thread each, beside a plain copy of as many float32. All in turns over the same 128 KiB (vectors 2 MiB), best times.
 * `npm run bench -- decode-formats`, or `node bench/decode-formats.ts [FORMAT…]`; `--quick`: fewer rounds.
 */
import { Random } from '../src/core/random.ts';
import type { Kernels } from '../src/kernels/contract.ts';
import { createWasmKernels } from '../src/kernels/wasm/index.ts';
import { vectors } from '../src/numeric/families/vector.ts';
import { type Entry, entry, registry } from '../src/numeric/registry.ts';
import { machine } from './support/machine.ts';
import { median } from './support/median.ts';

const quick = process.argv.includes('--quick');
const ROWS = 8;
const COLUMNS = 4096;
const VECTOR_ROWS = 128;
const ROUNDS = quick ? 60 : 300;

const random = new Random(1);
const weights = Float32Array.from({ length: ROWS * COLUMNS }, () => 0.02 * random.normal());

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

/**
 * Bytes of so many rows. Encoders of vectors search long, and their tables want larger tensors: these get arbitrary codes
 * under a scale of ordinary weights, for products that are no normal numbers would cost more.
 */
function tensorOf({ family, tensor }: Entry): { rows: number; encoded: Uint8Array } {
  if (family.name !== vectors.name) return { rows: ROWS, encoded: tensor.encode(weights, COLUMNS) };
  const rows = VECTOR_ROWS;
  const encoded = new Uint8Array(tensor.storedBytes(rows, COLUMNS)).map((_, i) => (i * 2654435761) >>> 26);
  const scales = tensor.block === 'channel' ? rows : 1;
  const view = new DataView(encoded.buffer);
  for (let k = 0; k < scales; k++) view.setFloat32((k * encoded.length) / scales, 0.02, true);
  return { rows, encoded };
}

function measure(kernels: Kernels, one: Entry): Row {
  const { family, format, tensor } = one;
  return kernels.scope(() => {
    const { rows, encoded } = tensorOf(one);
    const count = rows * COLUMNS;
    const bytes = kernels.u8(encoded.length);
    bytes.set(encoded);
    const [out, source] = [kernels.f32(count), kernels.f32(count)];
    const work = {
      own: () => tensor.decode(bytes, COLUMNS, out),
      copy: () => out.set(source),
      ours: () => kernels.decode(format, bytes, COLUMNS, out),
    };
    const best = { own: Infinity, copy: Infinity, ours: Infinity };
    for (let k = 0; k < Math.max(6, (ROUNDS * ROWS) / rows); k++) {
      best.own = Math.min(best.own, seconds(work.own));
      best.copy = Math.min(best.copy, seconds(work.copy));
      best.ours = Math.min(best.ours, seconds(work.ours));
    }
    return {
      family: family.name,
      'G weights/s': round(count / best.ours / 1e9),
      'own decoder': round(count / best.own / 1e9),
      '÷ own decoder': round(best.own / best.ours),
      '÷ copy': round(best.copy / best.ours),
    };
  });
}

function round(value: number): number {
  return Number(value.toPrecision(2));
}

const kernels = await createWasmKernels({ threads: 1 });
const names = process.argv.slice(2).filter((argument) => !argument.startsWith('-'));
const chosen = names.length > 0 ? names.map(entry) : [...registry.values()];
const served = chosen.filter(({ format }) => kernels.decodes(format));
const rows = served.map((one) => [one.format.name, measure(kernels, one)] as const);
console.log(`${machine()}, ${kernels.name}, one thread, seed 1`);
console.table(Object.fromEntries(rows));
const rates = rows.map(([, row]) => row['G weights/s']);
console.log(
  `${rows.length} of ${chosen.length} formats; ${rates.filter((rate) => rate >= 1).length} decode 1 G weights/s or more; ` +
    `median ${median(rows.map(([, row]) => row['÷ own decoder']))} times the own decoder`,
);
kernels.close();
