/** Exit code after Ctrl-C: 128 + SIGINT. */
export const INTERRUPTED = 130;

let controller = new AbortController();

/** Aborted at the first Ctrl-C. */
export function interruptSignal(): AbortSignal {
  return controller.signal;
}

/**
 * Makes the first Ctrl-C end the work at its next check point, finished work kept, and the second end the process.
 * @returns a function that restores the default
 */
export function onInterrupt(): () => void {
  controller = new AbortController();
  const listener = () => {
    if (controller.signal.aborted) process.exit(INTERRUPTED);
    console.error('\nbitbudget: stopping, finished work is kept (Ctrl-C again quits at once)');
    controller.abort();
  };
  process.on('SIGINT', listener);
  return () => void process.off('SIGINT', listener);
}
