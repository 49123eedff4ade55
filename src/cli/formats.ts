import type { Command } from 'commander';
import { addOutputOptions, type OutputOptions } from './support/options.ts';
import { printResult, table } from './support/output.ts';

export function register(program: Command): void {
  const command = program
    .command('formats')
    .description('list every number format: true bits, range, noise, containers');
  addOutputOptions(command).action(listFormats);
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
