import { Command, CommanderError } from 'commander';
import { packageVersion } from '../core/version.ts';
import { errorJson, errorLine, exitCodeOf, messageOf } from './support/failure.ts';
import { addExamples } from './support/help.ts';
import { interruptedCode, interruptSignal, onInterrupt } from './support/interrupt.ts';
import { verbs } from './verbs.ts';

/** Runs the command line. @returns the exit code: 0 done, 1 failure, 2 wrong usage, 130 interrupted, 143 terminated */
export async function runCli(args: readonly string[]): Promise<number> {
  const asJson = args.includes('--json');
  const program = createProgram(asJson);
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
    if (error instanceof CommanderError && error.exitCode === 0) return 0;
    // Whatever stopped work threw: libraries have their own abort errors.
    if (interruptSignal().aborted) return interruptedCode();
    const code = error instanceof CommanderError ? 2 : exitCodeOf(error);
    if (asJson) console.error(errorJson(error, code));
    // Commander has printed its own by `usageLine`.
    else if (!(error instanceof CommanderError)) console.error(errorLine(error));
    return code;
  } finally {
    stopListening();
  }
}

/** @param asJson errors in the command line are left to the caller, who prints them as JSON */
export function createProgram(asJson = false): Command {
  const program = new Command('bitbudget')
    .description('Give it a model and a budget; get the best model that fits.')
    .version(packageVersion, '-V, --version')
    .showSuggestionAfterError()
    .exitOverride()
    .configureOutput({ outputError: (text, write) => void (asJson || write(usageLine(text))) });
  for (const { heading, register } of verbs) {
    program.commandsGroup(heading);
    register(program);
  }
  const settle = (command: Command): void => {
    command.copyInheritedSettings(program).allowExcessArguments(false);
    command.commands.forEach(settle);
  };
  program.commands.forEach(settle);
  return addExamples(program, [
    ['quantize model/ --target-size 60M', 'the best file of at most 60 000 000 bytes'],
    ['plan model/ --frontier', 'what every size would cost, before any file is made'],
    ['quantize hf:user/repo --target-bpw 4.5 --peers', 'a model of the hub, compared with Q4_K_M and Q8_0'],
    ['run model-4.5bpw.gguf -p "Once upon a time"', 'try the result'],
  ]);
}

/** Commander's message and its suggestion on one line. */
function usageLine(text: string): string {
  return `bitbudget: ${messageOf(new Error(text)).replace(/\.$/, '')}; see bitbudget --help\n`;
}

/** `bitbudget inspect … | head` is no failure. */
function stopWhenReaderLeft(error: NodeJS.ErrnoException): void {
  if (error.code === 'EPIPE') process.exit(0);
  throw error;
}
