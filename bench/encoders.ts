/**
 * An encoder at the bytes of llama-quantize's types: 1 − cosine of texts' vectors and the original's, and recall@1 of titles for
 * articles that have lost their titles' words. llama-quantize gets the importance matrix of the same calibration text. Vectors
 * are computed in float32 from both files' weights.
 *
 *   node bench/encoders.ts --model DIR --wiki wiki.txt.gz --llama-quantize FILE --work DIR [--types Q4_0,Q4_K_M,Q5_K_M]
 *     [--sizes 0.6,0.8] [--articles 300] [--options '--no-verify']
 *
 * Files already in --work are kept. `--sizes` adds budgets in shares of the smallest type's bytes, at which llama-quantize has no
 * file.
 */
import { execFileSync } from 'node:child_process';
import { existsSync, mkdirSync, statSync } from 'node:fs';
import { dirname, join } from 'node:path';
import { fileURLToPath } from 'node:url';
import { parseArgs } from 'node:util';
import { oneMinusCosine, type PairVectors, recallOf } from '../src/evaluate/vectors.ts';
import { createWasmKernels } from '../src/kernels/wasm/index.ts';
import { openModel } from '../src/model/open.node.ts';
import { createEncoder } from '../src/run/encoder.ts';
import { machine } from './support/machine.ts';
import { readTitles, type TitlesTask } from './support/titles.ts';

const { values: options } = parseArgs({
  options: {
    model: { type: 'string' },
    wiki: { type: 'string' },
    'llama-quantize': { type: 'string' },
    work: { type: 'string' },
    types: { type: 'string', default: 'Q4_0,Q4_K_M,Q5_K_M' },
    sizes: { type: 'string', default: '' },
    articles: { type: 'string', default: '300' },
    options: { type: 'string', default: '--no-verify' },
    quick: { type: 'boolean' }, // accepted by every bench; nothing here can be shortened
  },
});

/** Tokens of an article. */
const LENGTH = 128;

function given(name: 'model' | 'wiki' | 'llama-quantize' | 'work'): string {
  const value = options[name];
  if (value === undefined) throw new Error(`--${name} is missing`);
  return value;
}

const work = given('work');
const own = join(work, 'store');

/** Runs bitbudget on files of the work folder. */
function bitbudget(...args: readonly string[]): void {
  const main = fileURLToPath(new URL('../src/cli/main.ts', import.meta.url));
  execFileSync(process.execPath, [main, ...args, '--work-dir', own, '--quiet'], {
    stdio: ['ignore', 'ignore', 'inherit'],
  });
}

/** A file of the work folder, made where it is not there. */
function made(name: string, make: (path: string) => void): string {
  const path = join(work, name);
  if (!existsSync(path)) make(path);
  return path;
}

/** Vectors of the task, by a file's weights in float32. */
async function vectorsOf(
  path: string,
  read: (path: string) => Promise<TitlesTask>,
): Promise<PairVectors & { width: number }> {
  const task = await read(path);
  const kernels = await createWasmKernels();
  const model = await openModel(path);
  const encoder = await createEncoder(kernels.device, model, { exact: true });
  const queries = await encoder.encode(task.titles);
  const texts = await encoder.encode(task.articles);
  const { width } = encoder;
  encoder.close();
  kernels.close();
  await model.close();
  return { queries, texts, width };
}

async function main(): Promise<void> {
  mkdirSync(work, { recursive: true });
  console.log(machine());
  const tool = given('llama-quantize');
  const original = made('f32.gguf', (path) => bitbudget('quantize', given('model'), '--type', 'F32', '-o', path));
  const imatrix = made('imatrix.gguf', (path) => bitbudget('measure', original, '-o', path));
  const read = async (path: string): Promise<TitlesTask> => {
    const model = await openModel(path);
    await model.close();
    return readTitles(given('wiki'), model.tokenizer, Number(options.articles), LENGTH);
  };
  const reference = await vectorsOf(original, read);
  const pairs = reference.queries.length / reference.width;
  /** Mean 1 − cosine over titles and articles, and recall@1. */
  const judged = async (path: string): Promise<{ error: number; recall: number; bytes: number }> => {
    const found = await vectorsOf(path, read);
    const { width } = reference;
    const errors = [...Array(pairs).keys()].flatMap((i) => [
      oneMinusCosine(reference.queries, found.queries, width, i * width),
      oneMinusCosine(reference.texts, found.texts, width, i * width),
    ]);
    const error = errors.reduce((sum, value) => sum + value, 0) / errors.length;
    return { error, recall: recallOf(found, reference, pairs).model.mean, bytes: statSync(path).size };
  };
  const at = (bytes: number): string =>
    made(`ours-${bytes}.gguf`, (path) =>
      bitbudget(
        ...['quantize', original, '--target-size', String(bytes), '-o', path, '--yes'],
        ...options.options.split(' ').filter((part) => part !== ''),
      ),
    );
  const rows: Record<string, string>[] = [];
  const ratios: number[] = [];
  let smallest = Number.POSITIVE_INFINITY;
  for (const type of options.types.split(',')) {
    const theirs = await judged(
      made(`llama-${type}.gguf`, (path) => {
        const env = { ...process.env, LD_LIBRARY_PATH: dirname(tool) };
        execFileSync(tool, ['--imatrix', imatrix, original, path, type, '2'], { stdio: 'ignore', env });
      }),
    );
    const ours = await judged(at(theirs.bytes));
    smallest = Math.min(smallest, theirs.bytes);
    ratios.push(ours.error / theirs.error);
    rows.push({
      type,
      bytes: String(theirs.bytes),
      'their error': theirs.error.toExponential(2),
      'ours, bytes': String(ours.bytes),
      error: ours.error.toExponential(2),
      ratio: (ours.error / theirs.error).toFixed(3),
      'recall@1': `${theirs.recall.toFixed(3)} / ${ours.recall.toFixed(3)}`,
    });
  }
  for (const share of options.sizes.split(',').filter((part) => part !== '')) {
    const ours = await judged(at(Math.floor(smallest * Number(share))));
    rows.push({
      type: `${share} of the smallest`,
      'ours, bytes': String(ours.bytes),
      error: ours.error.toExponential(2),
      'recall@1': `– / ${ours.recall.toFixed(3)}`,
    });
  }
  console.table(rows);
  const mean = Math.exp(ratios.reduce((sum, ratio) => sum + Math.log(ratio), 0) / ratios.length);
  const recall = recallOf(reference, reference, pairs).reference.mean;
  console.log(
    `error ÷ llama-quantize's, geometric mean ${mean.toFixed(3)}; recall@1 of the original ${recall.toFixed(3)}`,
  );
}

await main();
