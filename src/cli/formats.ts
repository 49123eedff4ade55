import type { Command } from 'commander';
import { UsageError } from '../core/errors.ts';
import { addOutputOptions, type OutputOptions } from './support/options.ts';
import { printResult, table } from './support/output.ts';

interface FormatsOptions extends OutputOptions {
  readonly model?: string;
}

export function register(program: Command): void {
  const command = program
    .command('formats')
    .description('list every number format, or study how they compare')
    .argument('[what]', '"study": comparison tables on synthetic and on real tensors')
    .option('--model <folder>', 'with study: safetensors model for the real tensors, default the embedded one');
  addOutputOptions(command).action(async (what: string | undefined, options: FormatsOptions) => {
    if (what === undefined) return listFormats(options);
    if (what !== 'study') throw new UsageError(`formats ${what}: expected nothing or "study"`);
    const { printStudy } = await import('./formats-study.ts');
    return printStudy(options);
  });
}

async function listFormats(options: FormatsOptions): Promise<void> {
  const { formatRows } = await import('./format-rows.ts');
  const rows = formatRows();
  printResult(options, rows, () =>
    table(
      ['format', 'family', 'bits/weight', 'block', 'range', 'Gauss dB', 'Laplace dB', 'held by', 'runs'],
      rows.map((row) => [
        row.name,
        row.family,
        row.bitsPerWeight.toFixed(4).replace(/\.?0+$/, ''),
        row.block,
        row.range ? row.range.map((level) => Number(level.toPrecision(4))).join(' … ') : '',
        row.sqnr ? row.sqnr.gaussian.toFixed(2) : '',
        row.sqnr ? row.sqnr.laplace.toFixed(2) : '',
        Object.keys(row.containers).join(', '),
        row.runs ? 'yes' : '',
      ]),
    ),
  );
}
