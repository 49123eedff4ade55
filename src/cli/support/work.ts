import type { WorkOptions } from '../../core/progress.ts';
import { interruptSignal } from './interrupt.ts';
import type { OutputOptions } from './options.ts';
import { createProgress } from './progress.ts';

/** Runs long work with progress on stderr, stopped by Ctrl-C. Spread what `work` is given into the library's options. */
export async function withProgress<T>(
  options: OutputOptions,
  work: (work: Required<WorkOptions>) => Promise<T>,
): Promise<T> {
  const progress = await createProgress(options);
  try {
    return await work({ signal: interruptSignal(), onProgress: progress.report });
  } finally {
    progress.finish();
  }
}
