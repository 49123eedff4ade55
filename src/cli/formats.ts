import type { Command } from 'commander';
import { UsageError } from '../core/errors.ts';
import type { StudyOptions } from './formats-study.ts';
import { MODEL_ARGUMENT } from './support/model.ts';
import { addOutputOptions, type OutputOptions } from './support/options.ts';
import { printResult, table } from './support/output.ts';

export function register(program: Command): void {
  const command = program
    .command('formats')
    .description('list every number format: true bits, range, noise, containers; or study how they compare')
    .argument('[study]', 'the word "study": comparison tables on drawn and on real tensors')
    .option('--model <model>', `with study: whose tensors, ${MODEL_ARGUMENT}; default the embedded one`);
  addOutputOptions(command).action(async (what: string | undefined, options: StudyOptions) => {
    if (what === undefined) {
      if (options.model !== undefined) throw new UsageError('--model belongs to "formats study"');
      return listFormats(options);
    }
    if (what !== 'study') throw new UsageError(`formats ${what}: expected "formats" or "formats study"`);
    const { printStudy } = await import('./formats-study.ts');
    return printStudy(options);
  });
}

async function listFormats(options: OutputOptions): Promise<void> {
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
