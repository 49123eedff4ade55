import { CommanderError } from 'commander';
import { BitbudgetError } from '../../core/errors.ts';
import { SCHEMA_VERSION } from './output.ts';

/** Exit code of a failed command: what the error asks for, else 1. */
export function exitCodeOf(error: unknown): number {
  return error instanceof BitbudgetError ? error.exitCode : 1;
}

/** One line for a person. The stack of an unexpected error is shown when BITBUDGET_DEBUG is set. */
export function errorLine(error: unknown): string {
  if (process.env.BITBUDGET_DEBUG && error instanceof Error) return `bitbudget: ${error.stack}`;
  const line = `bitbudget: ${messageOf(error)}`;
  return error instanceof BitbudgetError ? line : `${line} (unexpected; set BITBUDGET_DEBUG=1 to see where)`;
}

/** The same for a program: `{"schemaVersion":1,"error":{"code":"usage","message":"…","exitCode":2}}`. */
export function errorJson(error: unknown, exitCode: number): string {
  const isKnown = error instanceof BitbudgetError;
  const code = isKnown ? error.code : error instanceof CommanderError ? 'usage' : 'unexpected';
  return JSON.stringify({ schemaVersion: SCHEMA_VERSION, error: { code, message: messageOf(error), exitCode } });
}

/** Text of an error on one line; commander's without its prefix. */
export function messageOf(error: unknown): string {
  const message = error instanceof Error ? error.message : String(error);
  return message
    .trim()
    .replace(/^error: /, '')
    .replace(/\s*\n\s*/g, ' ');
}
