/**
 * Resident memory of processes that run a model, beside what is predicted: what a process takes that opens the model and runs
 * nothing, plus the kernels' memory as a plan with a memory budget tells it.
 *
 *     npm run bench -- resident
 *     node bench/resident.ts [MODEL…] [--threads=1] [--context=256]
 *
 * Models default to the embedded one; formats are F32, Q8_0 and Q4_0, caches float32 and Q8_0. Processes are asked twice: as
 * they are, and once the engine has collected what loading left behind (copies of what was read). `growth` is what running
 * adds by then, by what is predicted for it. `--quick`: F32 and Q4_0 with float32 caches.
 */
import { spawn } from 'node:child_process';
import { mkdtemp, rm } from 'node:fs/promises';
import { tmpdir } from 'node:os';
import { basename, join } from 'node:path';
import { setTimeout } from 'node:timers/promises';
import { fileURLToPath } from 'node:url';
import { parseArgs } from 'node:util';
import { fileSink } from '../src/container/node.ts';
import { createWasmKernels } from '../src/kernels/wasm/index.ts';
import { withCacheFormats } from '../src/model/cache-formats.ts';
import { openModel } from '../src/model/open.node.ts';
import { roundingMetadata } from '../src/model/roundings.ts';
import { sitesOf } from '../src/model/sites.ts';
import type { Model } from '../src/model/types.ts';
import { writeModelGguf } from '../src/model/write-gguf.ts';
import { format } from '../src/numeric/table.ts';
import { memory } from '../src/pipeline/resources/memory.ts';
import { storable } from '../src/quantize/candidates.ts';
import { createSession } from '../src/run/session.ts';
import { machine } from './support/machine.ts';

const { values: options, positionals } = parseArgs({
  allowPositionals: true,
  options: {
    threads: { type: 'string', default: '1' },
    context: { type: 'string', default: '256' },
    quick: { type: 'boolean', default: false },
    /** What child processes do with the model: open it alone, or run it. */
    child: { type: 'string' },
  },
});
const [threads, contextLength] = [Number(options.threads), Number(options.context)];

/** Arrays outside of the engine's heap are freed behind a collection. */
const COLLECTIONS = 3;

interface Resident {
  readonly asItIs: number;
  readonly collected: number;
}

/** Prints the resident bytes of this process once the model is open, or has read a full context. */
async function child(path: string, runs: boolean): Promise<void> {
  const kernels = await createWasmKernels({ threads });
  const model = await openModel(path);
  const tokens = Int32Array.from({ length: contextLength }, (_, i) => (i * 613 + 5) % model.config.vocabulary);
  const session = runs ? await createSession(kernels.device, model, { contextLength }) : undefined;
  await session?.prefill(tokens);
  const asItIs = process.memoryUsage().rss;
  for (let i = 0; i < COLLECTIONS; i++) {
    gc!();
    await setTimeout(10);
  }
  console.log(JSON.stringify({ asItIs, collected: process.memoryUsage().rss }));
  session?.close();
  await model.close();
  kernels.close();
}

async function residentBytes(path: string, mode: 'open' | 'run'): Promise<Resident> {
  const args = ['--expose-gc', fileURLToPath(import.meta.url), path, `--child=${mode}`];
  const process_ = spawn(process.execPath, [...args, `--threads=${threads}`, `--context=${contextLength}`]);
  let text = '';
  process_.stdout.on('data', (chunk) => (text += chunk));
  process_.stderr.pipe(process.stderr);
  const code = await new Promise((done) => process_.on('close', done));
  if (code !== 0) throw new Error(`${path}: the process that was to be measured exited with ${String(code)}`);
  return JSON.parse(text) as Resident;
}

/** Kernel memory as a plan of the file's own options has it. */
function predictedBytes(model: Model): number {
  const table = {
    version: 1,
    model: '',
    rounding: 'nearest',
    scale: { value: 1, standardError: 0 },
    tensors: [],
  } as const;
  const chosen = sitesOf(model).flatMap((site) => {
    const option = site.kind === 'weight' ? model.tensors.get(site.id)!.format : model.roundings?.get(site.id);
    return option === undefined ? [] : [{ site, option }];
  });
  return memory({ model, table, context: contextLength, threads })!.taken!(chosen);
}

async function compare(source: string, name: string, cache: string, folder: string): Promise<object> {
  const path = join(folder, 'model.gguf');
  const original = await openModel(source);
  const { roundings } = withCacheFormats(original, { k: cache, v: cache });
  await writeModelGguf(original, await fileSink(path), {
    formatOf: ({ shape, role }) =>
      shape.length < 2 || /gate_inp/.test(role) ? 'F32' : storable(format(name), { columns: shape[1] }).name,
    metadata: roundingMetadata(original, roundings!),
  });
  await original.close();
  const model = await openModel(path);
  const predicted = predictedBytes(model);
  await model.close();
  const [open, run] = [await residentBytes(path, 'open'), await residentBytes(path, 'run')];
  const collected = run.collected / (open.collected + predicted);
  return {
    model: basename(source),
    ...{ weights: name, cache },
    'open, MB': (open.collected / 1e6).toFixed(1),
    'kernels predicted, MB': (predicted / 1e6).toFixed(1),
    'running, MB': (run.collected / 1e6).toFixed(1),
    'running ÷ predicted': collected.toFixed(3),
    growth: ((run.collected - open.collected) / predicted).toFixed(2),
    'as it is ÷ predicted': (run.asItIs / (open.asItIs + predicted)).toFixed(3),
    'within 10 %': Math.abs(collected - 1) <= 0.1,
  };
}

if (options.child !== undefined) await child(positionals[0], options.child === 'run');
else {
  const tiny = fileURLToPath(new URL('../assets/tiny', import.meta.url));
  const folder = await mkdtemp(join(tmpdir(), 'bitbudget-resident-'));
  console.log(`${machine()}, ${threads} thread(s), context ${contextLength}`);
  const rows: object[] = [];
  try {
    for (const source of positionals.length > 0 ? positionals : [tiny])
      for (const name of options.quick ? ['F32', 'Q4_0'] : ['F32', 'Q8_0', 'Q4_0'])
        for (const cache of options.quick ? ['F32'] : ['F32', 'Q8_0'])
          rows.push(await compare(source, name, cache, folder));
  } finally {
    await rm(folder, { recursive: true });
  }
  console.table(rows);
}
