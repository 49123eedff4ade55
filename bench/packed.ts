/**
 * Products straight from packed blocks, each format with one row of activations (decoding: GB/s of weights) and with 128
 * (prefill: billion multiply-adds per second), 1 thread and 2, beside the machine's read bandwidth (memchr over as many
 * bytes). Matrices do not fit the caches. `npm run bench -- packed`; `--quick`: smaller and fewer.
 */
import { Random } from '../src/core/random.ts';
import type { PackedMatrix } from '../src/kernels/contract.ts';
import { packedFormats } from '../src/kernels/packedFormats.ts';
import { createWasmKernels } from '../src/kernels/wasm/index.ts';
import { format, rowBytes } from '../src/numeric/table.ts';
import { machine } from './support/machine.ts';
import { median } from './support/median.ts';

const quick = process.argv.includes('--quick');
const COLUMNS = 2048;
const BYTES = (quick ? 16 : 128) * 2 ** 20;
const RUNS = quick ? 3 : 9;
const BATCH = 128;
const BATCH_ROWS = 512;

/** Seconds, median of runs after one that does not count. */
function seconds(work: () => void): number {
  const times = Array.from({ length: RUNS + 1 }, () => {
    const begin = performance.now();
    work();
    return (performance.now() - begin) / 1000;
  });
  return median(times.slice(1));
}

function readBandwidth(): number {
  const bytes = Buffer.alloc(BYTES);
  return BYTES / seconds(() => void bytes.indexOf(1)) / 1e9;
}

async function measure(threads: number, table: Map<string, Record<string, string>>): Promise<void> {
  const kernels = await createWasmKernels({ threads });
  const random = new Random(1);
  const x = kernels.f32(BATCH * COLUMNS).map(() => random.normal());
  const activations = kernels.upload(x);
  for (const name of packedFormats) {
    kernels.scope(() => {
      const stride = rowBytes(format(name), COLUMNS);
      const rows = Math.floor(BYTES / stride);
      // Bytes 0 … 63 make ordinary scales in every format.
      const blocks = kernels.u8(rows * stride);
      for (let i = 0; i < blocks.length; i++) blocks[i] = (i * 2654435761) >>> 26;
      const w: PackedMatrix = { format: name, blocks, rows, columns: COLUMNS };
      const y = kernels.f32(Math.max(rows, BATCH * BATCH_ROWS));
      const one = seconds(() => kernels.matmulPacked(activations, w, y, 1));
      const few = { ...w, rows: BATCH_ROWS, blocks: blocks.subarray(0, BATCH_ROWS * stride) };
      const many = seconds(() => kernels.matmulPacked(activations, few, y, BATCH));
      const row = table.get(name) ?? {};
      row[`GB/s, ${threads} T`] = (blocks.length / one / 1e9).toFixed(2);
      row[`G multiply-adds/s, ${threads} T`] = ((BATCH * BATCH_ROWS * COLUMNS) / many / 1e9).toFixed(1);
      table.set(name, row);
    });
  }
  console.log(`${kernels.name}, ${threads} threads: read bandwidth of one ${readBandwidth().toFixed(1)} GB/s`);
  kernels.close();
}

console.log(`${machine()}, seed 1`);
const table = new Map<string, Record<string, string>>();
for (const threads of [1, 2]) await measure(threads, table);
console.table(Object.fromEntries(table));
