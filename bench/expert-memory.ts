/**
 * Peak memory of measuring a mixture of 16 and of 64 experts of the same size (random weights, two blocks): with experts
 * that come some at a time, as measuring does, and with all of a block at once. Every measurement is a process of its own.
 *
 *     npm run bench -- expert-memory
 *     node bench/expert-memory.ts [--hidden=512] [--width=512] [--tokens=1024]
 *
 * `--quick`: smaller experts.
 */
import { execFileSync } from 'node:child_process';
import { mkdtemp, rm } from 'node:fs/promises';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { fileURLToPath } from 'node:url';
import { parseArgs } from 'node:util';
import { fileSink } from '../src/container/node.ts';
import { entryMeasurementStore } from '../src/measure/entry-store.ts';
import { measureModel } from '../src/measure/measure.ts';
import { openModel } from '../src/model/open.node.ts';
import { writeModelGguf } from '../src/model/write-gguf.ts';
import { nodeHost } from '../src/pipeline/host/node.ts';
import { calibrationTokens } from '../src/pipeline/texts.ts';
import { boundaryStore } from '../src/run/boundaries.node.ts';
import { WorkStore } from '../src/store/store.node.ts';
import { syntheticModel } from '../test/support/synthetic.ts';
import { machine } from './support/machine.ts';

const { values: options, positionals } = parseArgs({
  allowPositionals: true,
  options: {
    hidden: { type: 'string' },
    width: { type: 'string' },
    tokens: { type: 'string' },
    quick: { type: 'boolean', default: false },
    /** What child processes do: write so many experts to a file, or measure it. */
    job: { type: 'string' },
  },
});
const [hidden, width, count] = [options.hidden, options.width, options.tokens].map((text, i) =>
  Number(text ?? (options.quick ? [256, 256, 512] : [512, 512, 1024])[i]),
);

if (options.job === 'write') await write(positionals[0], Number(positionals[1]));
else if (options.job === 'measure') await measure(positionals[0], positionals[1], Number(positionals[2]));
else await compare();

async function write(path: string, experts: number): Promise<void> {
  const model = await syntheticModel('Qwen2MoeForCausalLM', {
    ...{ hidden_size: hidden, num_attention_heads: 8, num_key_value_heads: 2, max_position_embeddings: 256 },
    ...{ num_experts: experts, num_experts_per_tok: 4, moe_intermediate_size: width },
    ...{ shared_expert_intermediate_size: width, intermediate_size: width },
  });
  const backend = await nodeHost.kernels(1);
  await writeModelGguf(model, await fileSink(path), { formatOf: () => 'F16', backend });
  backend.close();
}

async function measure(path: string, folder: string, expertBytes: number): Promise<void> {
  const model = await openModel(path);
  const kernels = await nodeHost.kernels(2);
  const tokens = await calibrationTokens(nodeHost, model, { tokens: count }, 0);
  const entry = await new WorkStore(folder).open(
    { step: 'measurement', of: [path, expertBytes] },
    { model: 'experts' },
  );
  const begin = performance.now();
  await measureModel(kernels, model, tokens, {
    store: entryMeasurementStore(entry),
    boundaries: (shape) => boundaryStore(shape, 2 ** 24, entry.scratch),
    ...(expertBytes > 0 ? { expertBytes } : {}),
  });
  const seconds = (performance.now() - begin) / 1000;
  console.log(JSON.stringify({ peak: 1024 * process.resourceUsage().maxRSS, seconds }));
  await entry.close();
  kernels.close();
  await model.close();
}

async function compare(): Promise<void> {
  const folder = await mkdtemp(join(tmpdir(), 'bitbudget-experts-'));
  const child = (...args: string[]): string => {
    const sizes = [`--hidden=${hidden}`, `--width=${width}`, `--tokens=${count}`];
    return execFileSync(process.execPath, [fileURLToPath(import.meta.url), ...sizes, ...args], { encoding: 'utf8' });
  };
  const rows: Record<string, string | number>[] = [];
  try {
    for (const experts of [16, 64]) {
      const path = join(folder, `${experts}.gguf`);
      child('--job=write', path, `${experts}`);
      for (const [way, bytes] of [
        ['some at a time', 0],
        ['all of a block', 2 ** 40],
      ] as const) {
        const { peak, seconds } = JSON.parse(child('--job=measure', path, folder, `${bytes}`)) as Record<
          string,
          number
        >;
        rows.push({ experts, measured: way, 'peak MB': Math.round(peak / 1e6), seconds: seconds.toFixed(1) });
      }
      await rm(path);
    }
    console.log(`${machine()}; experts of ${hidden} × ${width}, ${count} tokens`);
    console.table(rows);
  } finally {
    await rm(folder, { recursive: true, force: true });
  }
}
