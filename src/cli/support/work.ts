import type { WorkOptions } from '../../core/progress.ts';
import { interruptSignal } from './interrupt.ts';
import type { Outline } from './job.ts';
import type { OutputOptions } from './options.ts';
import { createProgress } from './progress.ts';

/** What a command gives to long work. */
interface CommandWork extends Required<WorkOptions> {
  /** Prints a warning. */
  readonly onNotice: (line: string) => void;
  /** Tells progress what the job will take: seconds by step. */
  readonly expect: (outline: Outline) => void;
}

/**
 * Runs long work with progress on stderr, stopped by Ctrl-C. Spread what `work` is given into the library's options.
 * @param outline steps that are expected, so that they have one remaining time together
 */
export async function withProgress<T>(
  options: OutputOptions,
  work: (work: CommandWork) => Promise<T>,
  outline: Outline = {},
): Promise<T> {
  const progress = await createProgress(options, {}, outline);
  try {
    const onNotice = (line: string): void => console.error(`bitbudget: ${line}`);
    return await work({ signal: interruptSignal(), onProgress: progress.report, onNotice, expect: progress.expect });
  } finally {
    progress.finish();
  }
}
