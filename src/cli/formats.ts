import type { Command } from 'commander';
import { UsageError } from '../core/errors.ts';
import type { FormatChoice } from './format-rows.ts';
import type { StudyOptions } from './formats-study.ts';
import { addExamples } from './support/help.ts';
import { MODEL_ARGUMENT } from './support/model.ts';
import { addOutputOptions, type OutputOptions } from './support/options.ts';
import { printResult, table } from './support/output.ts';

export function register(program: Command): void {
  const command = program
    .command('formats')
    .description('list the formats that can be written: true bits, range, noise; or study how all compare')
    .argument('[study]', 'the word "study": comparison tables on drawn and on real tensors')
    .optionsGroup('Which:')
    .option('--all', 'every format that there is, writable or not')
    .option('--family <name>', 'list only formats of that family')
    .option('--held-by <container>', 'list only formats that this container can hold: GGUF, safetensors, …')
    .option('--model <model>', `with study: whose tensors, ${MODEL_ARGUMENT}; default the embedded one`);
  addExamples(command, [
    ['formats', 'the types that quantize chooses from'],
    ['formats --all --family "GGUF code book"', 'one family'],
    ['formats study', 'which loses least at equal bits'],
  ]);
  addOutputOptions(command).action(async (what: string | undefined, options: ListOptions & StudyOptions) => {
    if (what === undefined) {
      if (options.model !== undefined) throw new UsageError('--model belongs to "formats study"');
      return await listFormats(options);
    }
    const { all, family, heldBy } = options;
    if (all || family !== undefined || heldBy !== undefined)
      throw new UsageError('--all, --family and --held-by choose what "formats" lists, without "study"');
    if (what !== 'study') throw new UsageError(`formats ${what}: expected "formats" or "formats study"`);
    const { printStudy } = await import('./formats-study.ts');
    return printStudy(options);
  });
}

interface ListOptions extends OutputOptions, FormatChoice {}

async function listFormats(options: ListOptions): Promise<void> {
  const { formatRows } = await import('./format-rows.ts');
  const { createWasmKernels } = await import('../kernels/wasm/index.ts');
  const kernels = await createWasmKernels({ threads: 1 });
  const rows = formatRows(options, kernels);
  kernels.close();
  printResult(options, { formats: rows }, () => [
    ...table(
      ['format', 'family', 'bits/weight', 'block', 'range', 'Gauss dB', 'Laplace dB', 'held by', 'runs'],
      rows.map((row) => [
        row.name,
        row.family,
        row.bitsPerWeight.toFixed(4).replace(/\.?0+$/, ''),
        row.block,
        row.range ? row.range.map((level) => Number(level.toPrecision(4))).join(' … ') : '',
        row.sqnr ? decibels(row.sqnr.gaussian) : '',
        row.sqnr ? decibels(row.sqnr.laplace) : '',
        Object.keys(row.containers).join(', '),
        row.runs ? 'yes' : '',
      ]),
    ),
    ...(options.all || options.family || options.heldBy ? [] : ['', 'more in the library: bitbudget formats --all']),
  ]);
}

function decibels(sqnr: number): string {
  return sqnr === Infinity ? 'exact' : sqnr.toFixed(2);
}
