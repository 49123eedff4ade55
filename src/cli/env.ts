import type { Command } from 'commander';
import { addExamples } from './support/help.ts';
import { addOutputOptions, type OutputOptions } from './support/options.ts';
import { printResult } from './support/output.ts';

export function register(program: Command): void {
  const command = program
    .command('env')
    .description('versions, processor, threads, folders and hub settings: what a bug report needs');
  addExamples(command, [['env', 'paste this into a bug report; it shows no token and no model']]);
  addOutputOptions(command).action(async (options: OutputOptions) => {
    const { environment, environmentLines } = await import('./environment.ts');
    const found = await environment();
    printResult(options, found, () => environmentLines(found));
  });
}
