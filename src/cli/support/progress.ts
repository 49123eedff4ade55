import type { SingleBar } from 'cli-progress';
import type { ProgressEvent } from '../../core/progress.ts';
import type { OutputOptions } from './options.ts';

/** Shows the progress of long work on stderr. */
export interface Progress {
  /** To be given to the library as `onProgress`. */
  readonly report: (event: ProgressEvent) => void;
  /** Ends the last step; call it before printing the result. */
  finish(): void;
}

/** Where and how progress is shown; the defaults are the process's own. */
export interface ProgressTarget {
  readonly stream?: NodeJS.WriteStream | NodeJS.WritableStream;
  readonly interactive?: boolean;
  /** Milliseconds, monotonic. */
  readonly now?: () => number;
}

/** Between lines about one long step where no bar can be drawn. */
const LINE_INTERVAL_MS = 15_000;

/**
 * A bar with the remaining time on a terminal; where there is none, or `CI` is set, one line per step when it is done and one every
 * 15 seconds of a long one. Nothing with --quiet.
 */
export async function createProgress(options: OutputOptions = {}, target: ProgressTarget = {}): Promise<Progress> {
  const stream = target.stream ?? process.stderr;
  const interactive = target.interactive ?? (process.stderr.isTTY === true && !process.env.CI);
  if (options.quiet) return { report() {}, finish() {} };
  if (interactive) return barProgress(stream, (await import('cli-progress')).SingleBar);
  return lineProgress(stream, target.now ?? (() => performance.now()));
}

function barProgress(stream: NodeJS.WritableStream, Bar: typeof SingleBar): Progress {
  let bar: SingleBar | undefined;
  let stage = '';
  const finish = () => {
    bar?.stop();
    bar = undefined;
    stage = '';
  };
  return {
    report(event) {
      if (event.stage !== stage) {
        finish();
        stage = event.stage;
        bar = new Bar({
          stream: stream as NodeJS.WritableStream,
          format: `{stage} {bar} {percentage} % · {value}/{total} {unit} · ETA {eta_formatted} {detail}`,
          barsize: 24,
          barCompleteChar: '█',
          barIncompleteChar: '░',
          hideCursor: null,
          etaBuffer: 50,
          clearOnComplete: false,
        });
        bar.start(event.total, 0, payload(event));
      }
      bar?.setTotal(event.total);
      bar?.update(event.done, payload(event));
    },
    finish,
  };
}

function payload({ stage, unit, detail }: ProgressEvent): Record<string, string> {
  return { stage: stage.padEnd(10), unit: unit ?? '', detail: detail ?? '' };
}

function lineProgress(stream: NodeJS.WritableStream, now: () => number): Progress {
  let last: ProgressEvent | undefined;
  let began = 0;
  let printed = 0;
  const finish = () => {
    if (last) stream.write(`${last.stage}: ${amount(last)} in ${formatDuration(now() - began)}\n`);
    last = undefined;
  };
  return {
    report(event) {
      if (event.stage !== last?.stage) {
        finish();
        began = now();
        printed = began;
      }
      last = event;
      if (now() - printed < LINE_INTERVAL_MS || event.done === 0) return;
      printed = now();
      const remaining = ((printed - began) * (event.total - event.done)) / event.done;
      const percent = Math.floor((100 * event.done) / event.total);
      stream.write(`${event.stage}: ${percent} %, ETA ${formatDuration(remaining)}\n`);
    },
    finish,
  };
}

function amount({ done, total, unit }: ProgressEvent): string {
  return `${done === total ? total : `${done} of ${total}`} ${unit ?? 'steps'}`;
}

/** `0.4 s`, `12 s`, `3 min 05 s`, `2 h 10 min`. */
export function formatDuration(milliseconds: number): string {
  const seconds = milliseconds / 1000;
  if (seconds < 9.95) return `${seconds.toFixed(1)} s`;
  const whole = Math.round(seconds);
  if (whole < 60) return `${whole} s`;
  const two = (value: number) => String(value).padStart(2, '0');
  if (whole < 3600) return `${Math.floor(whole / 60)} min ${two(whole % 60)} s`;
  return `${Math.floor(whole / 3600)} h ${two(Math.floor((whole % 3600) / 60))} min`;
}
