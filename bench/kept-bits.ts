/**
 * What keeping measurements in fewer bits costs: the embedded model (or the one named) is measured once, and plans of five
 * sizes are priced, solved, rounded and evaluated from the factors as measured and from those that the store gives back.
 *
 *     npm run bench -- kept-bits [--quick]
 *     node bench/kept-bits.ts [MODEL] [--work=DIR] [--threads=N] [--quick]
 */

import { join } from 'node:path';
import { fileURLToPath } from 'node:url';
import { parseArgs } from 'node:util';
import { evaluateModels, referenceStates } from '../src/evaluate/evaluate.ts';
import { entryMeasurementStore } from '../src/measure/entry-store.ts';
import { measurementKey } from '../src/measure/key.ts';
import { measureModel, textData } from '../src/measure/measure.ts';
import { memoryStore } from '../src/measure/store.ts';
import type { Measurement, MeasurementStore } from '../src/measure/types.ts';
import { openModel } from '../src/model/open.node.ts';
import { nodeHost } from '../src/pipeline/host/node.ts';
import { Planner } from '../src/pipeline/plan/planner.ts';
import { weightCount } from '../src/pipeline/plan/wishes.ts';
import { Session } from '../src/pipeline/session.ts';
import { calibrationTokens, evaluationTokens, sequenceLength } from '../src/pipeline/texts.ts';
import type { BlockStore } from '../src/quantize/encode.ts';
import { encodePlan } from '../src/quantize/encode.ts';
import { quantizedModel } from '../src/quantize/quantized.ts';
import { priceModel } from '../src/quantize/sensitivity.ts';
import { WorkStore } from '../src/store/store.node.ts';
import { machine } from './support/machine.ts';

const { values: options, positionals } = parseArgs({
  allowPositionals: true,
  options: {
    work: { type: 'string', default: join('out', 'bench-kept-bits') },
    threads: { type: 'string' },
    quick: { type: 'boolean', default: false },
  },
});
const SEED = 0;
/** From just above the smallest file that the model can be made into. */
const SIZES = 5;
const LARGEST_BITS = 5.5;
const path = positionals[0] ?? fileURLToPath(new URL('../assets/tiny', import.meta.url));
const model = await openModel(path);
const threads = options.threads === undefined ? undefined : Number(options.threads);
const session = await Session.open(nodeHost, model, { folder: options.work, seed: SEED, threads });
const { kernels, runner } = session;
const tokens = await calibrationTokens(nodeHost, model, { tokens: options.quick ? 4096 : 16384 }, SEED);
const store = new WorkStore(options.work);
const key = await measurementKey(kernels, model, await textData(model, tokens), SEED);
const entry = await store.open({ step: 'measurement', of: ['bench', key] }, { model: model.config.name ?? 'model' });
console.log(`${machine()}; ${tokens.sequences} sequences of ${tokens.length} tokens`);
const { exact, kept } = await measureTwice();
const bytes = (await store.list()).reduce((sum, { bytes }) => sum + bytes, 0);
const source = [...model.tensors.values()].reduce((sum, { shape, format }) => {
  const width = { F32: 4, F16: 2, BF16: 2 }[format] ?? 4;
  return sum + width * shape.reduce((product, size) => product * size, 1);
}, 0);
console.log(`kept ${bytes} bytes, ${(bytes / source).toFixed(3)} of the source's ${source}`);

const held = await evaluationTokens(nodeHost, model, { tokens: options.quick ? 1024 : 4096 });
const length = sequenceLength(model);
const states = await referenceStates(kernels, model, held, { length });
const planners = [];
for (const measurement of [exact, kept]) {
  const table = await priceModel(model, measurement, runner, { rounding: 'gptq' });
  planners.push({ measurement, planner: new Planner({ model, table }) });
  console.log('priced');
}
const least = (8 * planners[0].planner.frontier()[0].prediction!.fileBytes) / weightCount(model);
for (let size = 0; size < SIZES; size++) {
  const bits = 1.05 * least + ((LARGEST_BITS - 1.05 * least) * size) / (SIZES - 1);
  const found: number[] = [];
  for (const { measurement, planner } of planners) {
    const plan = await planner.plan({ bytes: Math.floor((bits * weightCount(model)) / 8) });
    const blocks = memoryBlocks();
    await encodePlan(model, plan, measurement, runner, blocks);
    const candidate = quantizedModel(model, plan, blocks);
    const { kl } = await evaluateModels(kernels, model, candidate, held, { length, referenceStates: states });
    found.push(kl.mean);
  }
  console.log(
    `${bits.toFixed(2)} bits: KL ${found[0].toFixed(6)} as measured, ${found[1].toFixed(6)} as kept, ratio ${(found[1] / found[0]).toFixed(4)}`,
  );
}
await entry.close();
await session.close();

/** One measurement, in both forms. */
async function measureTwice(): Promise<{ exact: Measurement; kept: Measurement }> {
  const memory = memoryStore();
  const disk = entryMeasurementStore(entry);
  const both: MeasurementStore = {
    find: async () => undefined,
    resume: async () => undefined,
    save: async (...saved) => {
      await memory.save(...saved);
      await disk.save(...saved);
    },
    add: async (...added) => {
      await memory.add(...added);
      await disk.add(...added);
    },
    finish: async (...finished) => {
      await disk.finish(...finished);
      return await memory.finish(...finished);
    },
    close: async () => {},
  };
  const onProgress = ({ done, total, detail = '' }: { done: number; total: number; detail?: string }) =>
    process.stderr.write(`\r${((100 * done) / total).toFixed(0)} % ${detail}   `);
  const exact = await measureModel(kernels, model, tokens, { store: both, seed: SEED, onProgress });
  return { exact, kept: (await disk.find(key))! };
}

function memoryBlocks(): BlockStore {
  const blocks = new Map<string, Uint8Array>();
  return {
    has: async (name) => blocks.has(name),
    get: async (name) => blocks.get(name),
    put: async (name, bytes) => void blocks.set(name, bytes),
  };
}
