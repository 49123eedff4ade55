import { execFileSync } from 'node:child_process';
import { mkdtempSync, rmSync } from 'node:fs';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { fileURLToPath } from 'node:url';
import { writeImatrix } from '../../src/container/imatrix.ts';
import { fileSink } from '../../src/container/node.ts';
import { Random } from '../../src/core/random.ts';
import type { Kernels } from '../../src/kernels/contract.ts';
import { openModel } from '../../src/model/open.node.ts';
import { encodeRows, format } from '../../src/numeric/table.ts';
import { matrices } from '../../src/quantize/sensitivity.ts';
import { median } from './median.ts';

const path = (relative: string) => fileURLToPath(new URL(relative, import.meta.url));

interface Matrix {
  readonly columns: number;
  readonly values: Float32Array;
  /** [columns] */
  readonly importance: Float32Array;
}

/** What one format's encoding of a whole model takes, in ns per weight. */
export interface EncodeTimes {
  readonly ours: number;
  readonly theirs: number;
}

/**
 * Encodes every matrix of the embedded model by our nearest rounding and by llama-quantize, on one thread each, with the
 * same log-normal importance; in turn, so that both meet the same machine. llama-quantize's own time of plain copying
 * (COPY: reading and writing the files) is taken off its time.
 * @param tool llama-quantize
 * @param kernels of one thread
 */
export async function compareEncoders(
  tool: string,
  kernels: Kernels,
  formats: readonly string[],
  repeats: number,
): Promise<Map<string, EncodeTimes>> {
  const folder = mkdtempSync(join(tmpdir(), 'bitbudget-encode-'));
  try {
    const model = join(folder, 'f32.gguf');
    const imatrix = join(folder, 'imatrix.gguf');
    execFileSync(process.execPath, [path('../../src/cli/main.ts'), 'quantize', MODEL, '--type', 'F32', '-o', model], {
      stdio: 'ignore',
    });
    const loaded = await loadMatrices(imatrix);
    const weights = loaded.reduce((sum, { values }) => sum + values.length, 0);
    const theirTime = (type: string) => quantizeTime(tool, imatrix, model, join(folder, 'out.gguf'), type);
    const copying = median(Array.from({ length: repeats }, () => theirTime('COPY')));
    return new Map(
      formats.map((name) => {
        const pairs = Array.from({ length: repeats }, () => [encodeTime(kernels, name, loaded), theirTime(name)]);
        const ours = median(pairs.map(([time]) => time));
        const theirs = median(pairs.map(([, time]) => time)) - copying;
        return [name, { ours: (ours * 1e6) / weights, theirs: (theirs * 1e6) / weights }];
      }),
    );
  } finally {
    rmSync(folder, { recursive: true });
  }
}

const MODEL = path('../../assets/tiny');

/** Every matrix of the embedded model with an importance per column, which is also written as an importance matrix. */
async function loadMatrices(imatrix: string): Promise<Matrix[]> {
  const random = new Random(1);
  const entries = new Map<string, { sums: Float32Array; counts: Float32Array }>();
  const loaded: Matrix[] = [];
  const model = await openModel(MODEL);
  for (const tensor of matrices(model)) {
    const [rows, columns] = tensor.shape;
    const importance = Float32Array.from({ length: columns }, () => Math.exp(random.normal()));
    loaded.push({ columns, importance, values: await tensor.load(0, rows) });
    entries.set(tensor.name, { sums: importance, counts: Float32Array.of(1) });
  }
  await model.close();
  await writeImatrix({ datasets: ['none'], chunkCount: 1, chunkSize: 1, entries }, await fileSink(imatrix));
  return loaded;
}

/** In ms. */
function encodeTime(kernels: Kernels, name: string, loaded: readonly Matrix[]): number {
  const begin = performance.now();
  for (const { values, columns, importance } of loaded)
    encodeRows(format(name), values, columns, importance, undefined, kernels);
  return performance.now() - begin;
}

/** What llama-quantize says it took, in ms. */
function quantizeTime(tool: string, imatrix: string, model: string, output: string, type: string): number {
  const tensors = type === 'COPY' ? [] : ['--output-tensor-type', type, '--token-embedding-type', type];
  const text = execFileSync(tool, ['--pure', '--imatrix', imatrix, ...tensors, model, output, type, '1'], {
    encoding: 'utf8',
    stdio: ['ignore', 'pipe', 'pipe'],
  });
  const found = /quantize time = *([\d.]+) ms/.exec(text);
  if (found === null) throw new Error(`${tool} printed no quantize time:\n${text}`);
  return Number(found[1]);
}
