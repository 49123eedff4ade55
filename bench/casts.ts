/**
 * Casts to floats without a scale: billion values per second of WebAssembly and of plain JavaScript, one thread each, in
 * turns over the same values, arrays copied to the kernels' memory and back. Best times.
 * `npm run bench -- casts`, or `node bench/casts.ts [FORMAT…]`; `--quick`: fewer rounds.
 */
import { Random } from '../src/core/random.ts';
import { createWasmKernels } from '../src/kernels/wasm/index.ts';
import { entry, registry } from '../src/numeric/registry.ts';
import type { NumberFormat } from '../src/numeric/types.ts';
import { machine } from './support/machine.ts';
import { median } from './support/median.ts';

const FAMILIES = ['float', 'minifloat', 'multi-component float'];
const LENGTH = 2 ** 17;
const ROUNDS = process.argv.includes('--quick') ? 5 : 40;

const random = new Random(1);
const values = Float32Array.from({ length: LENGTH }, () => 0.02 * random.normal());
const kernels = await createWasmKernels({ threads: 1 });

/** Seconds of `work`. */
function seconds(work: () => void): number {
  const begin = performance.now();
  work();
  return (performance.now() - begin) / 1000;
}

function measure(format: NumberFormat) {
  const bytes = new Uint8Array((LENGTH / format.blockSize) * format.blockBytes);
  let [ours, own] = [Infinity, Infinity];
  for (let round = 0; round < ROUNDS; round++) {
    ours = Math.min(
      ours,
      seconds(() => format.encodeBlocks!(values, bytes, undefined, kernels)),
    );
    own = Math.min(
      own,
      seconds(() => format.encodeBlocks!(values, bytes)),
    );
  }
  const rate = (time: number) => Number((LENGTH / time / 1e9).toPrecision(2));
  return { 'G values/s': rate(ours), JavaScript: rate(own), '÷ JavaScript': Number((own / ours).toPrecision(2)) };
}

const names = process.argv.slice(2).filter((argument) => !argument.startsWith('-'));
const casts = [...registry.values()].filter(
  ({ family, format }) => FAMILIES.includes(family.name) && format.name !== 'F32',
);
const chosen = names.length > 0 ? names.map(entry) : casts;
const rows = chosen.map(({ format }) => [format.name, measure(format as NumberFormat)] as const);
kernels.close();
console.log(`${machine()}, ${kernels.name}, one thread, ${LENGTH} values, seed 1`);
console.table(Object.fromEntries(rows));
console.log(`median ${median(rows.map(([, row]) => row['÷ JavaScript']))} times JavaScript`);
