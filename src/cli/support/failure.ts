import { BitbudgetError } from '../../core/errors.ts';

/** Exit code of a failed command: what the error asks for, else 1. */
export function exitCodeOf(error: unknown): number {
  return error instanceof BitbudgetError ? error.exitCode : 1;
}

/** One line for a person. The stack of an unexpected error is shown when BITBUDGET_DEBUG is set. */
export function errorLine(error: unknown): string {
  if (process.env.BITBUDGET_DEBUG && error instanceof Error) return `bitbudget: ${error.stack}`;
  const message = error instanceof Error ? error.message : String(error);
  const line = `bitbudget: ${message.replace(/\s*\n\s*/g, ' ')}`;
  return error instanceof BitbudgetError ? line : `${line} (unexpected; set BITBUDGET_DEBUG=1 to see where)`;
}
