import type { Command } from 'commander';
import { UsageError } from '../core/errors.ts';
import type { Model } from '../model/types.ts';
import { checkOutputs, makeFolders } from '../pipeline/preflight/outputs.node.ts';
import { addExamples } from './support/help.ts';
import { interruptSignal } from './support/interrupt.ts';
import { MODEL_ARGUMENT, openModelArgument } from './support/model.ts';
import { addOutputOptions, addOverwriteOption, addThreadsOption, type OutputOptions } from './support/options.ts';
import { printResult } from './support/output.ts';

interface EmbedOptions extends OutputOptions {
  readonly output?: string;
  readonly exact?: boolean;
  readonly threads: number;
  readonly yes?: boolean;
}

/** Numbers of a vector that are printed. */
const SHOWN = 4;

export function register(program: Command): void {
  const command = program
    .command('embed')
    .description('turn texts into vectors of unit length, with an encoder')
    .argument('<model>', MODEL_ARGUMENT)
    .argument('<texts...>', 'each becomes one vector')
    .option('-o, --output <file>', 'write them as a NumPy array of float32, [texts, width]: x.npy')
    .option('--exact', 'compute in float32; default matrices are multiplied from their blocks, as runtimes do');
  addThreadsOption(addOverwriteOption(command));
  addExamples(command, [
    ['embed minilm.gguf "a cat" "a kitten" "a car"', 'which texts are alike'],
    ['embed minilm.gguf "a cat" --json', 'the numbers'],
    ['embed minilm.gguf "a cat" "a car" -o vectors.npy', 'for Python'],
  ]);
  addOutputOptions(command).action(embed);
}

async function embed(name: string, texts: readonly string[], options: EmbedOptions): Promise<void> {
  const { output } = options;
  if (output !== undefined && !output.endsWith('.npy'))
    throw new UsageError(`-o ${output}: expected a name that ends with .npy`);
  if (output !== undefined) await checkOutputs([output], options.yes);
  const model = await openModelArgument(name, options, 'run');
  const { vectors, width } = await vectorsOf(name, model, texts, options);
  const rows = texts.map((_, i) => Array.from(vectors.subarray(i * width, (i + 1) * width)));
  if (output !== undefined) {
    const { npyFile } = await import('../container/npy.ts');
    const { writeWhole } = await import('../container/node.ts');
    await makeFolders([output]);
    await writeWhole(output, npyFile(vectors, [texts.length, width]));
  }
  const lines = rows.map((row, i) => `${shown(row)}  ${JSON.stringify(texts[i])}`);
  const alike = texts.length > 1 ? ['', 'cosines', ...cosines(rows).map((line) => `  ${line}`)] : [];
  const written = output === undefined ? [] : [`${output}: ${texts.length} × ${width} float32`];
  printResult(options, { width, vectors: rows, ...(output ? { output } : {}) }, () => [...lines, ...alike, ...written]);
}

async function vectorsOf(
  name: string,
  model: Model,
  texts: readonly string[],
  { exact, threads }: EmbedOptions,
): Promise<{ readonly vectors: Float32Array; readonly width: number }> {
  const { createWasmKernels } = await import('../kernels/wasm/index.ts');
  const { createEncoder } = await import('../run/encoder.ts');
  if (model.config.embedding === undefined) {
    await model.close();
    throw new UsageError(`${name}: gives next tokens and no vectors of texts; use bitbudget run`);
  }
  const kernels = await createWasmKernels({ threads });
  try {
    const encoder = await createEncoder(kernels.device, model, { exact });
    const ids = texts.map((text) => model.tokenizer.encode(text, { special: true }));
    const vectors = await encoder.encode(ids, { signal: interruptSignal() });
    encoder.close();
    return { vectors, width: encoder.width };
  } finally {
    kernels.close();
    await model.close();
  }
}

/** `[0.0123, -0.0456, … 384 numbers]` */
function shown(row: readonly number[]): string {
  const first = row.slice(0, SHOWN).map((value) => value.toFixed(4));
  return `[${first.join(', ')}${row.length > SHOWN ? `, … ${row.length} numbers` : ''}]`;
}

/** Of every text with every other, a line each. */
function cosines(rows: readonly (readonly number[])[]): string[] {
  return rows.map((a) =>
    rows
      .map((b) =>
        a
          .reduce((sum, value, i) => sum + value * b[i], 0)
          .toFixed(3)
          .padStart(6),
      )
      .join(' '),
  );
}
