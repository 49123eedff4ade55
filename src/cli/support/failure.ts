import { CommanderError } from 'commander';
import { BitbudgetError } from '../../core/errors.ts';
import { SCHEMA_VERSION } from './output.ts';

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

/** A failed system call: what it was about, and what to do; undefined for other errors. */
function systemMessage(error: unknown): string | undefined {
  const { syscall, code = '', path } = (error ?? {}) as NodeJS.ErrnoException;
  const advice = syscall === undefined ? undefined : SYSTEM_ADVICE[code];
  return advice && `${path ?? syscall}: ${advice}`;
}

/** One line for a person. The stack of an unexpected error is shown when BITBUDGET_DEBUG is set. */
export function errorLine(error: unknown): string {
  if (process.env.BITBUDGET_DEBUG && error instanceof Error) return `bitbudget: ${error.stack}`;
  const line = `bitbudget: ${messageOf(error)}`;
  const isKnown = error instanceof BitbudgetError || systemMessage(error) !== undefined;
  return isKnown ? line : `${line} (unexpected; set BITBUDGET_DEBUG=1 to see where)`;
}

/** The same for a program: `{"schemaVersion":1,"error":{"code":"usage","message":"…","exitCode":2}}`. */
export function errorJson(error: unknown, exitCode: number): string {
  return JSON.stringify({
    schemaVersion: SCHEMA_VERSION,
    error: { code: codeOf(error), message: messageOf(error), exitCode },
  });
}

/** A stable word; of failed system calls the system's, such as `ENOSPC`. */
function codeOf(error: unknown): string {
  if (error instanceof BitbudgetError) return error.code;
  if (error instanceof CommanderError) return 'usage';
  return systemMessage(error) === undefined ? 'unexpected' : (error as NodeJS.ErrnoException).code!;
}

/** Text of an error on one line; commander's without its prefix. */
export function messageOf(error: unknown): string {
  const system = systemMessage(error);
  if (system !== undefined) return system;
  const message = error instanceof Error ? error.message : String(error);
  return message
    .trim()
    .replace(/^error: /, '')
    .replace(/\s*\n\s*/g, ' ');
}
