import { constants } from 'node:os';

/** Signals that ask a process to stop; each ends it with 128 + its number. */
const SIGNALS = ['SIGINT', 'SIGTERM', 'SIGHUP'] as const;
type StopSignal = (typeof SIGNALS)[number];

let controller = new AbortController();
let stoppedBy: StopSignal = 'SIGINT';

/** Aborted at the first signal. */
export function interruptSignal(): AbortSignal {
  return controller.signal;
}

/** Exit code after the signal: 130 after Ctrl-C, 143 after SIGTERM. */
export function interruptedCode(): number {
  return 128 + constants.signals[stoppedBy];
}

/**
 * Makes the first Ctrl-C, SIGTERM or SIGHUP end the work at its next check point, finished work kept, and the second end
 * the process.
 * @returns a function that restores the default
 */
export function onInterrupt(): () => void {
  controller = new AbortController();
  const listeners = SIGNALS.map((name) => {
    const listener = () => {
      if (controller.signal.aborted) process.exit(interruptedCode());
      stoppedBy = name;
      const again = name === 'SIGINT' ? ' (Ctrl-C again quits at once)' : '';
      console.error(`\nbitbudget: stopping, finished work is kept: the same command goes on from there${again}`);
      controller.abort();
    };
    process.on(name, listener);
    return () => void process.off(name, listener);
  });
  return () => {
    for (const restore of listeners) restore();
  };
}
