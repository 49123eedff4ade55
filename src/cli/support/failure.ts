import { BitbudgetError } from '../../core/errors.ts';

/** Exit code of a failed command: what the error asks for, else 1. */
export function exitCodeOf(error: unknown): number {
  return error instanceof BitbudgetError ? error.exitCode : 1;
}

/** What to do about failures of the system, wherever they come up, by their code. */
const SYSTEM_ADVICE: Readonly<Record<string, string>> = {
  ENOSPC: 'the disk is full; make room, and the same command goes on',
  EDQUOT: 'your disk quota is used up; make room, and the same command goes on',
  EROFS: 'the file system is read-only; name a place that can be written',
  EACCES: 'access is denied; check its permissions',
  EPERM: 'access is denied; check its permissions',
  ENOENT: 'is not there any more; run the same command again',
  EIO: 'the disk reports an error; check it',
  EMFILE: 'too many files are open; raise the limit (ulimit -n), and run it again',
  ENOMEM: 'memory is used up; use fewer --threads, or end other programs',
};

/** A failed system call: what it was about, and what to do. */
function systemLine(error: NodeJS.ErrnoException): string | undefined {
  const advice = error.syscall === undefined ? undefined : SYSTEM_ADVICE[error.code ?? ''];
  return advice && `bitbudget: ${error.path ?? error.syscall}: ${advice}`;
}

/** One line for a person. The stack of an unexpected error is shown when BITBUDGET_DEBUG is set. */
export function errorLine(error: unknown): string {
  if (process.env.BITBUDGET_DEBUG && error instanceof Error) return `bitbudget: ${error.stack}`;
  const system = error instanceof Error ? systemLine(error) : undefined;
  if (system !== undefined) return system;
  const message = error instanceof Error ? error.message : String(error);
  const line = `bitbudget: ${message.replace(/\s*\n\s*/g, ' ')}`;
  return error instanceof BitbudgetError ? line : `${line} (unexpected; set BITBUDGET_DEBUG=1 to see where)`;
}
