import type { SingleBar } from 'cli-progress';
import type { ProgressEvent } from '../../core/progress.ts';
import { Job, type JobState, type Outline, stepWords } from './job.ts';
import type { OutputOptions } from './options.ts';

/** Shows the progress of long work on stderr. */
export interface Progress {
  /** To be given to the library as `onProgress`. */
  readonly report: (event: ProgressEvent) => void;
  /** Tells what the job will take, once that is known: seconds by step. */
  expect(outline: Outline): void;
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
 * One line for the whole job, with one remaining time, on a terminal; where there is none, or `CI` is set, one line per step when it is done and one every
 * 15 seconds of a long one. Nothing with --quiet.
 * @param outline steps that the job is expected to have
 */
export async function createProgress(
  options: OutputOptions = {},
  target: ProgressTarget = {},
  outline: Outline = {},
): Promise<Progress> {
  const stream = target.stream ?? process.stderr;
  const interactive = target.interactive ?? (process.stderr.isTTY === true && !process.env.CI);
  if (options.quiet) return { report() {}, expect() {}, finish() {} };
  const now = target.now ?? (() => performance.now());
  const job = new Job(outline, now);
  if (interactive) return barProgress(stream, job, (await import('cli-progress')).SingleBar);
  return lineProgress(stream, job, now);
}

/** Steps of the bar: finer than any terminal shows. */
const BAR_STEPS = 1000;

function barProgress(stream: NodeJS.WritableStream, job: Job, Bar: typeof SingleBar): Progress {
  let bar: SingleBar | undefined;
  const payload = ({ words, remaining }: JobState): Record<string, string> => ({
    words,
    left: remaining === undefined ? '' : `· ${formatDuration(remaining)} left`,
  });
  return {
    report(event) {
      const state = job.update(event);
      if (bar === undefined) {
        bar = new Bar({
          stream: stream as NodeJS.WritableStream,
          format: '{percentage} % {bar} {words} {left}',
          barsize: 24,
          barCompleteChar: '█',
          barIncompleteChar: '░',
          hideCursor: null,
          clearOnComplete: true,
        });
        bar.start(BAR_STEPS, 0, payload(state));
      }
      bar.update(Math.floor(BAR_STEPS * state.share), payload(state));
    },
    expect: (seconds) => job.expect(seconds),
    finish() {
      bar?.stop();
      bar = undefined;
    },
  };
}

function lineProgress(stream: NodeJS.WritableStream, job: Job, now: () => number): Progress {
  let last: ProgressEvent | undefined;
  let began = 0;
  let printed = 0;
  const finish = () => {
    if (last) stream.write(`${stepWords(last.stage)}: done in ${formatDuration(now() - began)}\n`);
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
      const { words, share, remaining } = job.update(event);
      if (now() - printed < LINE_INTERVAL_MS || remaining === undefined) return;
      printed = now();
      stream.write(`${words}: ${Math.floor(100 * share)} % of the job, ${formatDuration(remaining)} left\n`);
    },
    expect: (seconds) => job.expect(seconds),
    finish,
  };
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
