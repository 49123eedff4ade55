/**
 * What the whole job takes on a model too large for a bench: with one block and with two blocks of its shape, random weights
 * made row by row, and from both what a block takes and what the whole takes. Steps that grow with the text are measured on
 * fewer tokens and told for all of them.
 *
 *     npm run bench -- scale
 *     node bench/scale.ts [--shape 1.5b|8b] [--tokens 2048] [--bits 4.5] [--threads 2] [--effort fast]
 *
 * Processor time is told beside wall time: on a busy machine it is what counts.
 */
import { spawn } from 'node:child_process';
import { mkdtemp, rm, stat } from 'node:fs/promises';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { createInterface } from 'node:readline';
import { fileURLToPath } from 'node:url';
import { parseArgs } from 'node:util';
import { fileSink } from '../src/container/node.ts';
import type { TensorEntry, TensorFile } from '../src/container/types.ts';
import { Random } from '../src/core/random.ts';
import { tensorsOf } from '../src/model/architecture.ts';
import { configFromHuggingFace } from '../src/model/config-huggingface.ts';
import { modelFromTensorFile } from '../src/model/model.ts';
import { openModel } from '../src/model/open.node.ts';
import { writeModelGguf } from '../src/model/write-gguf.ts';
import { nodeHost } from '../src/pipeline/host/node.ts';
import { quantizeModel } from '../src/pipeline/quantize.ts';
import { calibrationTokens, heldOutTokens } from '../src/pipeline/texts.ts';
import { machine } from './support/machine.ts';

const { values: options, positionals } = parseArgs({
  allowPositionals: true,
  options: {
    shape: { type: 'string', default: '1.5b' },
    tokens: { type: 'string' },
    bits: { type: 'string', default: '4.5' },
    threads: { type: 'string', default: '2' },
    quick: { type: 'boolean', default: false },
    /** What child processes get: model, output, store. */
    job: { type: 'boolean', default: false },
  },
});

/** Tokens that `quantize` measures and verifies on by default. */
const ALL_TOKENS = 16384;

interface Shape {
  readonly layers: number;
  readonly fields: Readonly<Record<string, unknown>>;
}

/** Published shapes; blocks alone count, so that the vocabulary is the embedded model's and taken off. */
const shapes: Readonly<Record<string, Shape>> = {
  '1.5b': {
    layers: 28,
    fields: {
      architectures: ['Qwen2ForCausalLM'],
      hidden_size: 1536,
      intermediate_size: 8960,
      num_attention_heads: 12,
      num_key_value_heads: 2,
      rope_theta: 1000000,
      tie_word_embeddings: true,
    },
  },
  '8b': {
    layers: 32,
    fields: {
      architectures: ['LlamaForCausalLM'],
      hidden_size: 4096,
      intermediate_size: 14336,
      num_attention_heads: 32,
      num_key_value_heads: 8,
      rope_theta: 500000,
      tie_word_embeddings: false,
    },
  },
};

const POOL = 2 ** 20;

/** Normal numbers as BF16, one pool for all tensors: each begins somewhere else in it. */
function pool(): Uint16Array {
  const random = new Random(1);
  const values = Float32Array.from({ length: POOL }, () => random.normal() * 0.03);
  const words = new Uint32Array(values.buffer);
  return Uint16Array.from(words, (word) => word >>> 16);
}

/** A checkpoint whose numbers are made as they are read. */
function randomFile(config: Readonly<Record<string, unknown>>): TensorFile {
  const numbers = new Uint8Array(pool().buffer);
  const specs = tensorsOf(configFromHuggingFace(config, { hasHead: config.tie_word_embeddings !== true }));
  const entries = specs
    .filter(({ huggingFace }) => huggingFace.length > 0)
    .map(({ huggingFace, shape }, i): [string, TensorEntry] => {
      const byteLength = 2 * shape.reduce((product, size) => product * size, 1);
      const read = async (start = 0, end = byteLength): Promise<Uint8Array> => {
        const bytes = new Uint8Array(end - start);
        for (let at = start; at < end; ) {
          const from = (at + 7919 * 2 * i) % numbers.length;
          const part = numbers.subarray(from, Math.min(numbers.length, from + end - at));
          bytes.set(part, at - start);
          at += part.length;
        }
        return bytes;
      };
      const { name } = huggingFace[0];
      return [name, { name, format: 'BF16', shape, byteLength, read }];
    });
  return { container: 'safetensors', metadata: new Map(), tensors: new Map(entries), close: async () => {} };
}

async function writeShape(path: string, { fields }: Shape, layers: number): Promise<void> {
  const embedded = await openModel(fileURLToPath(new URL('../assets/tiny', import.meta.url)));
  const config = {
    hidden_act: 'silu',
    max_position_embeddings: 32768,
    rms_norm_eps: 1e-6,
    vocab_size: 4096,
    num_hidden_layers: layers,
    ...fields,
  };
  const model = await modelFromTensorFile(randomFile(config), { tokenizer: embedded.tokenizer, config });
  await writeModelGguf(model, await fileSink(path), { formatOf: () => 'BF16' });
  await embedded.close();
}

interface Taken {
  /** By step. */
  readonly timings: Readonly<Record<string, number>>;
  readonly cpuSeconds: number;
  readonly peak: number;
}

/** One job as a process of its own. */
async function runJob([path, output, folder]: readonly string[]): Promise<void> {
  const model = await openModel(path);
  const tokens = Number(options.tokens);
  const { timings } = await quantizeModel(nodeHost, model, {
    ...{ output, folder, rounding: 'gptq', threads: Number(options.threads) },
    target: { kind: 'budgets', wishes: { bitsPerWeight: Number(options.bits) } },
    calibration: () => calibrationTokens(nodeHost, model, { tokens }, 0),
    evaluation: () => heldOutTokens(nodeHost, model, { tokens: Math.max(2048, tokens / 2) }),
  });
  const { userCPUTime, systemCPUTime, maxRSS } = process.resourceUsage();
  console.log(JSON.stringify({ timings, cpuSeconds: (userCPUTime + systemCPUTime) / 1e6, peak: 1024 * maxRSS }));
}

async function take(shape: Shape, layers: number, tokens: number): Promise<Taken> {
  const work = await mkdtemp(join(tmpdir(), 'bitbudget-scale-'));
  try {
    const path = join(work, 'model.gguf');
    await writeShape(path, shape, layers);
    console.log(`${layers} block${layers > 1 ? 's' : ''}: ${((await stat(path)).size / 1e6).toFixed(0)} MB in BF16`);
    const flags = ['--job', `--tokens=${tokens}`, `--threads=${options.threads}`, `--bits=${options.bits}`];
    const child = spawn(
      process.execPath,
      [fileURLToPath(import.meta.url), ...flags, path, join(work, 'out.gguf'), join(work, 'store')],
      { stdio: ['ignore', 'pipe', 'inherit'] },
    );
    let taken: Taken | undefined;
    for await (const line of createInterface(child.stdout)) taken = JSON.parse(line) as Taken;
    if (taken === undefined) throw new Error(`a job of ${layers} blocks printed nothing`);
    return taken;
  } finally {
    await rm(work, { recursive: true, force: true });
  }
}

/** Steps whose time grows with the text. */
const BY_TOKENS = new Set(['measure', 'verify']);

async function compare(name: string): Promise<void> {
  const shape = shapes[name];
  if (shape === undefined) throw new Error(`--shape ${name}: expected one of ${Object.keys(shapes).join(', ')}`);
  const tokens = Number(options.tokens ?? (options.quick ? 512 : 2048));
  console.log(`${machine()}; ${name}, ${tokens} tokens, ${options.threads} threads, ${options.bits} bits`);
  const [one, two] = [await take(shape, 1, tokens), await take(shape, 2, tokens)];
  console.log('| step | one block, s | two, s | a block, s | all blocks, min |\n|---|---|---|---|---|');
  let whole = 0;
  for (const [step, seconds] of Object.entries(two.timings)) {
    const block = seconds - (one.timings[step] ?? 0);
    const all = (block * shape.layers * (BY_TOKENS.has(step) ? ALL_TOKENS / tokens : 1)) / 60;
    whole += all;
    const cells = [step, (one.timings[step] ?? 0).toFixed(1), seconds.toFixed(1), block.toFixed(1), all.toFixed(1)];
    console.log(`| ${cells.join(' | ')} |`);
  }
  console.log(`all blocks: ${whole.toFixed(0)} min without embedding and head`);
  console.log(`processor time: ${one.cpuSeconds.toFixed(0)} s and ${two.cpuSeconds.toFixed(0)} s`);
  console.log(`peak memory: ${(one.peak / 1e9).toFixed(2)} GB and ${(two.peak / 1e9).toFixed(2)} GB`);
}

if (options.job) await runJob(positionals);
else await compare(options.shape);
