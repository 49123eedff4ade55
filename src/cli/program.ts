import { readFileSync } from 'node:fs';
import { Command, CommanderError } from 'commander';
import { errorLine, exitCodeOf } from './support/failure.ts';
import { interruptedCode, interruptSignal, onInterrupt } from './support/interrupt.ts';
import { verbs } from './verbs.ts';

/** Runs the command line. @returns the exit code: 0 done, 1 failure, 2 wrong usage, 130 interrupted, 143 terminated */
export async function runCli(args: readonly string[]): Promise<number> {
  const program = createProgram();
  process.stdout.on('error', stopWhenReaderLeft);
  if (args.length === 0) {
    program.outputHelp({ error: true });
    return 2;
  }
  const stopListening = onInterrupt();
  try {
    await program.parseAsync(args, { from: 'user' });
    return 0;
  } catch (error) {
    if (error instanceof CommanderError) return error.exitCode === 0 ? 0 : 2;
    // Whatever stopped work threw: libraries have their own abort errors.
    if (interruptSignal().aborted) return interruptedCode();
    console.error(errorLine(error));
    return exitCodeOf(error);
  } finally {
    stopListening();
  }
}

export function createProgram(): Command {
  const program = new Command('bitbudget')
    .description('Give it a model and a budget; get the best model that fits.')
    .version(packageVersion(), '-V, --version')
    .showSuggestionAfterError()
    .exitOverride()
    .configureOutput({ outputError: (text, write) => write(usageLine(text)) });
  for (const register of verbs) register(program);
  for (const command of program.commands) command.copyInheritedSettings(program).allowExcessArguments(false);
  return program;
}

/** Commander's message and its suggestion on one line. */
function usageLine(text: string): string {
  const message = text
    .trim()
    .replace(/^error: /, '')
    .replace(/\s*\n\s*/g, ' ');
  return `bitbudget: ${message}; see bitbudget --help\n`;
}

function packageVersion(): string {
  const { version } = JSON.parse(readFileSync(new URL('../../package.json', import.meta.url), 'utf8')) as {
    version: string;
  };
  return version;
}

/** `bitbudget inspect … | head` is no failure. */
function stopWhenReaderLeft(error: NodeJS.ErrnoException): void {
  if (error.code === 'EPIPE') process.exit(0);
  throw error;
}
