/** Why work stopped when the user pressed Ctrl-C. */
export class Interruption extends Error {
  static readonly exitCode = 130;
  override name = 'Interruption';

  constructor() {
    super('interrupted');
  }
}

let controller = new AbortController();

/** Aborted, with an `Interruption`, at the first Ctrl-C. */
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
    if (controller.signal.aborted) process.exit(Interruption.exitCode);
    console.error('\nbitbudget: stopping, finished work is kept (Ctrl-C again quits at once)');
    controller.abort(new Interruption());
  };
  process.on('SIGINT', listener);
  return () => void process.off('SIGINT', listener);
}
