import { availableParallelism } from 'node:os';
import { type Command, InvalidArgumentError, Option } from 'commander';

/** Parser of a whole number in [least, most], for `command.option(flags, text, parser)`. */
export function wholeNumber(least: number, most = Number.MAX_SAFE_INTEGER): (text: string) => number {
  return (text) => {
    const value = Number(text);
    if (/^-?\d+$/.test(text) && value >= least && value <= most) return value;
    throw new InvalidArgumentError(`Expected a whole number ${describeRange(least, most)}.`);
  };
}

/** Parser of a finite number in [least, most]. */
export function decimal(least: number, most = Number.MAX_VALUE): (text: string) => number {
  return (text) => {
    const value = Number(text);
    if (text.trim() !== '' && Number.isFinite(value) && value >= least && value <= most) return value;
    throw new InvalidArgumentError(`Expected a number ${describeRange(least, most)}.`);
  };
}

function describeRange(least: number, most: number): string {
  return most >= Number.MAX_SAFE_INTEGER ? `of at least ${least}` : `from ${least} to ${most}`;
}

/** `--threads`, default all cores. */
export function addThreadsOption(command: Command): Command {
  return command.addOption(
    new Option('--threads <n>', 'threads to compute with')
      .argParser(wholeNumber(1, 256))
      .default(availableParallelism()),
  );
}

/** Options of how a command speaks, which every verb has. */
export interface OutputOptions {
  readonly json?: boolean;
  readonly quiet?: boolean;
}

export function addOutputOptions(command: Command): Command {
  return command.option('--json', 'print the result as JSON').option('--quiet', 'no progress on stderr');
}
