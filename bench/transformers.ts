/**
 * Hugging Face folders as transformers itself writes them: for every class that we read, a tiny random model is saved by
 * `save_pretrained`, and our logits of 80 tokens (of encoders: their pooled vector) are compared with its own. That is where permuted queries, fused experts,
 * norms that are stored less 1 and squeezed convolutions would go wrong.
 *
 *   node bench/transformers.ts --python VENV/bin/python [--only gemma3,qwen2moe] [--work DIR]
 *
 * The Python needs torch and transformers. Classes that its transformers lacks are named and left out.
 */
import { execFileSync } from 'node:child_process';
import { cpSync, mkdirSync, mkdtempSync, readFileSync, rmSync, writeFileSync } from 'node:fs';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { fileURLToPath } from 'node:url';
import { parseArgs } from 'node:util';
import { createWasmKernels } from '../src/kernels/wasm/index.ts';
import { openModel } from '../src/model/open.node.ts';
import type { Model } from '../src/model/types.ts';
import { createEncoder } from '../src/run/encoder.ts';
import { createSession } from '../src/run/session.ts';
import { configs } from '../test/support/configs.ts';
import { syntheticConfig } from '../test/support/synthetic.ts';
import { machine } from './support/machine.ts';

const { values: options } = parseArgs({
  options: {
    python: { type: 'string' },
    only: { type: 'string' },
    work: { type: 'string' },
    quick: { type: 'boolean' }, // accepted by every bench; nothing here can be shortened
  },
});
if (options.python === undefined) {
  console.error('transformers: skipped; --python with torch and transformers is needed');
  process.exit(0);
}

interface Saved {
  readonly folder: string;
  /** Why transformers could not make it. */
  readonly error: string | null;
}

const LENGTH = 80;
/** Share of the largest logit that float32 sums in another order may differ by. */
const BOUND = 1e-3;
const kernels = createWasmKernels({ threads: 1 });
const tokens = Array.from({ length: LENGTH }, (_, i) => (i * 613 + 12) % 4096);
const work = options.work ?? mkdtempSync(join(tmpdir(), 'bitbudget-transformers-'));
const only = options.only?.split(',');
const embedded = fileURLToPath(new URL('../assets/tiny', import.meta.url));

try {
  mkdirSync(work, { recursive: true });
  console.log(machine());
  console.log('| class | largest difference ÷ largest logit | |\n|---|---|---|');
  for (const saved of saveAll(options.python)) {
    const name = saved.folder.split('/').at(-1)!;
    const difference = saved.error ?? (await compared(saved.folder).catch((error: Error) => error.message));
    const isEqual = typeof difference === 'number' && difference < BOUND;
    if (!isEqual) process.exitCode = 1;
    const figure = typeof difference === 'number' ? difference.toExponential(2) : difference;
    console.log(`| ${name} | ${figure} | ${isEqual ? '✓' : '✗'} |`);
  }
} finally {
  if (options.work === undefined) rmSync(work, { recursive: true });
}

function saveAll(python: string): Saved[] {
  const cases = Object.entries(configs)
    .filter(([name]) => only === undefined || only.includes(name))
    .map(([name, fields]) => ({ class: name, folder: join(work, name), fields: syntheticConfig(name, { ...fields }) }));
  writeFileSync(join(work, 'cases.json'), JSON.stringify({ tokens, cases }));
  const script = fileURLToPath(new URL('./transformers/save.py', import.meta.url));
  const output = execFileSync(python, [script, join(work, 'cases.json')], {
    encoding: 'utf8',
    stdio: ['ignore', 'pipe', 'ignore'],
  });
  return output
    .trim()
    .split('\n')
    .filter((line) => line.startsWith('{'))
    .map((line) => JSON.parse(line) as Saved);
}

/** Largest difference of our logits from transformers' own, in units of the largest. */
async function compared(folder: string): Promise<number> {
  for (const file of ['tokenizer.json', 'tokenizer_config.json']) cpSync(join(embedded, file), join(folder, file));
  const theirs = new Float32Array(new Uint8Array(readFileSync(join(folder, 'logits.f32'))).buffer);
  const model = await openModel(folder);
  const { embedding } = model.config;
  const expected = embedding === undefined ? theirs : pooled(theirs, embedding.pooling);
  const ours = await (embedding === undefined ? logits(model) : vector(model));
  await model.close();
  if (ours.length !== expected.length) throw new Error(`${ours.length} logits, ${expected.length} expected`);
  const largest = expected.reduce((most, value) => Math.max(most, Math.abs(value)), 0);
  return ours.reduce((worst, value, i) => Math.max(worst, Math.abs(value - expected[i])), 0) / largest;
}

async function logits(model: Model): Promise<Float32Array> {
  const { device } = await kernels;
  const session = await createSession(device, model, { contextLength: LENGTH, exact: true });
  const all = await session.allLogits(tokens);
  session.close();
  return all;
}

async function vector(model: Model): Promise<Float32Array> {
  const { device } = await kernels;
  const encoder = await createEncoder(device, model, { exact: true });
  const found = await encoder.encode([tokens]);
  encoder.close();
  return found;
}

/** What sentence-transformers makes of hidden states [tokens, width]: of unit length. */
function pooled(states: Float32Array, pooling: string): Float32Array {
  const width = states.length / LENGTH;
  const rows = pooling === 'mean' ? tokens.map((_, row) => row) : [pooling === 'cls' ? 0 : LENGTH - 1];
  const sums = new Float64Array(width);
  for (const row of rows) for (let column = 0; column < width; column++) sums[column] += states[row * width + column];
  const norm = Math.hypot(...sums);
  return Float32Array.from(sums, (sum) => sum / norm);
}
