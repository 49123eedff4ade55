/**
 * Prefill and decode of one GGUF file: this package in Node beside llama.cpp (node-llama-cpp, no GPU), and in headless
 * Chromium beside wllama, in turns, with 1 thread and 2. Medians of tokens per second and of the ratios of each round.
 *
 *     npm run bench -- decode [--type=Q8_0] [--quick]            the embedded model, in Q4_K by default
 *     node bench/decode.ts <file.gguf or folder> [--type=Q8_0]   another; a folder is converted
 *
 * `--quick`: one round instead of five, a quarter of the tokens.
 */
import { existsSync } from 'node:fs';
import { mkdir } from 'node:fs/promises';
import { basename } from 'node:path';
import { fileURLToPath } from 'node:url';
import { fileSink } from '../src/container/node.ts';
import { Random } from '../src/core/random.ts';
import { openModel } from '../src/model/open.node.ts';
import type { ModelTensor } from '../src/model/types.ts';
import { writeModelGguf } from '../src/model/write-gguf.ts';
import { fitsRows, format, rowBytes } from '../src/numeric/table.ts';
import { type BrowserBench, openBrowser } from './browser/browser.ts';
import { startProcess } from './speed/processes.ts';
import type { Contender, Speed, Workload } from './speed/types.ts';
import { machine } from './support/machine.ts';
import { median } from './support/median.ts';

const quick = process.argv.includes('--quick');
const rounds = quick ? 1 : 5;
const PROMPT = quick ? 64 : 256;
const GENERATED = quick ? 16 : 64;

/** The model as GGUF with every matrix in the format of `--type` (where its shape allows), made once. */
async function asGguf(path: string): Promise<string> {
  if (path.endsWith('.gguf')) return path;
  const type = process.argv.find((argument) => argument.startsWith('--type='))?.slice(7) ?? 'Q4_K';
  const folder = fileURLToPath(new URL('../out/bench/', import.meta.url));
  const output = `${folder}${basename(path)}-${type}.gguf`;
  if (existsSync(output)) return output;
  await mkdir(folder, { recursive: true });
  const model = await openModel(path);
  const formatOf = ({ shape }: ModelTensor) => (fitsRows(format(type), shape[1]) ? type : 'Q8_0');
  await writeModelGguf(model, await fileSink(output), { formatOf });
  await model.close();
  return output;
}

/** Random tokens of the vocabulary, and the bytes of weights that one decoded token reads. */
async function inspect(path: string): Promise<{ workload: Workload; bytes: number }> {
  const model = await openModel(path);
  const random = new Random(1);
  const tokens = (count: number) => Array.from({ length: count }, () => random.integer(model.config.vocabulary));
  let bytes = 0;
  for (const [name, { shape, format: type }] of model.tensors) {
    const lookedUp = name === 'token_embd.weight' && !model.config.tied;
    if (shape.length === 2 && !lookedUp) bytes += shape[0] * rowBytes(format(type), shape[1]);
  }
  await model.close();
  return { workload: { prompt: tokens(PROMPT), generated: tokens(GENERATED) }, bytes };
}

/** Measures in turns: A B C D, D C B A, …, after one turn that does not count. */
async function measureAll(contenders: Contender[], workload: Workload): Promise<Map<Contender, Speed[]>> {
  const results = new Map<Contender, Speed[]>(contenders.map((contender) => [contender, []]));
  for (const contender of contenders) await contender.measure(workload);
  for (let round = 0; round < rounds; round++) {
    for (const contender of round % 2 ? contenders.toReversed() : contenders) {
      results.get(contender)?.push(await contender.measure(workload));
    }
  }
  return results;
}

function row(speeds: Speed[], peer: Speed[], bytes: number): Record<string, string> {
  const ratio = (part: keyof Speed) => median(speeds.map((speed, i) => peer[i][part] / speed[part])).toFixed(2);
  const decode = GENERATED / median(speeds.map((speed) => speed.decode));
  return {
    'prefill tok/s': (PROMPT / median(speeds.map((speed) => speed.prefill))).toFixed(1),
    'decode tok/s': decode.toFixed(1),
    'weights GB/s': ((bytes * decode) / 1e9).toFixed(2),
    'prefill ÷ peer': ratio('prefill'),
    'decode ÷ peer': ratio('decode'),
  };
}

async function compare(path: string, browser: BrowserBench | undefined, threads: number): Promise<void> {
  const { workload, bytes } = await inspect(path);
  const pairs: [Contender, Contender][] = [
    [await startProcess('ours', path, threads), await startProcess('native', path, threads)],
  ];
  if (browser) pairs.push([await browser.start('ours', threads), await browser.start('wllama', threads)]);
  const results = await measureAll(pairs.flat(), workload);
  const speeds = (contender: Contender) => results.get(contender) as Speed[];
  const table: Record<string, Record<string, string>> = {};
  for (const [ours, peer] of pairs) {
    table[ours.name] = row(speeds(ours), speeds(peer), bytes);
    table[peer.name] = row(speeds(peer), speeds(peer), bytes);
  }
  console.log(`${threads} thread${threads > 1 ? 's' : ''}`);
  console.table(table);
  for (const contender of pairs.flat()) await contender.close();
}

const tiny = fileURLToPath(new URL('../assets/tiny', import.meta.url));
const path = await asGguf(process.argv.slice(2).find((argument) => !argument.startsWith('-')) ?? tiny);
const opened = await openBrowser(path);
const browser = typeof opened === 'string' ? undefined : opened;
console.log(machine());
console.log(browser ? `Chromium ${browser.version}` : `no browser: ${opened}`);
console.log(`${basename(path)}: ${PROMPT} tokens of prompt, ${GENERATED} decoded one by one, seed 1, ${rounds} rounds`);
for (const threads of [1, 2]) await compare(path, browser, threads);
await browser?.close();
