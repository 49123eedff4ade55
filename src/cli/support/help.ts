import type { Command } from 'commander';

/** Headings that options of all verbs stand under. */
export const GROUP = {
  budget: 'Budgets (any together):',
  text: 'Text:',
  search: 'How the plan is found:',
  keep: 'Files and work:',
  speak: 'Output:',
} as const;

/** Lines that run as they stand, below the options of `--help`. @param examples commands without `bitbudget`, and what each does */
export function addExamples(command: Command, examples: readonly (readonly [string, string])[]): Command {
  const lines = examples.map(([args, purpose]) => `  # ${purpose}\n  bitbudget ${args}`);
  return command.addHelpText('after', `\nExamples:\n${lines.join('\n')}`);
}
