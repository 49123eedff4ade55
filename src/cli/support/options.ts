import { availableParallelism } from 'node:os';
import { type Command, InvalidArgumentError, Option } from 'commander';
import { GROUP } from './help.ts';
import { closest } from './suggest.ts';

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

/** An option that takes one of a few names; a mistyped one is told what was probably meant. */
export function choiceOption(flags: string, description: string, names: readonly string[]): Option {
  const option = new Option(flags, description).choices(names);
  return option.argParser((text: string) => {
    if (names.includes(text)) return text;
    const meant = closest(text, names);
    throw new InvalidArgumentError(
      `Allowed choices are ${names.join(', ')}.${meant === undefined ? '' : ` (Did you mean ${meant}?)`}`,
    );
  });
}

/** `--threads`, default all cores; more than there are would only wait for each other. */
export function addThreadsOption(command: Command): Command {
  const cores = availableParallelism();
  return command.addOption(
    new Option('-t, --threads <n>', 'threads to compute with, at most one for each core')
      .argParser((text) => {
        const value = wholeNumber(1)(text);
        if (value <= cores) return value;
        throw new InvalidArgumentError(
          `This machine has ${cores} core${cores > 1 ? 's' : ''}; give ${cores > 1 ? `1 to ${cores}` : '1'}.`,
        );
      })
      .default(cores)
      .helpGroup(GROUP.keep),
  );
}

/** `--seed`, default 0. */
export function addSeedOption(command: Command): Command {
  return command.addOption(
    new Option('--seed <n>', 'seed of every random draw')
      .argParser(wholeNumber(0, 2 ** 32 - 1))
      .default(0)
      .helpGroup(GROUP.keep),
  );
}

/** `--yes`: files that are there are never replaced unasked. */
export function addOverwriteOption(command: Command): Command {
  return command.addOption(new Option('-y, --yes', 'overwrite files that are there').helpGroup(GROUP.keep));
}

/** Options of how a command speaks, which every verb has. */
export interface OutputOptions {
  readonly json?: boolean;
  readonly quiet?: boolean;
}

export function addOutputOptions(command: Command): Command {
  return command
    .addOption(new Option('--json', 'print the result, and any error, as JSON').helpGroup(GROUP.speak))
    .addOption(new Option('-q, --quiet', 'no progress on stderr').helpGroup(GROUP.speak));
}
