import type { OutputOptions } from './options.ts';
import { formatSize } from './size.ts';

/** Version of what `--json` prints: raised when a field changes its meaning or goes away, not when one is added. */
export const SCHEMA_VERSION = 1;

/** @param value an object: lists stand in a named field of one */
export function printJson(value: object): void {
  process.stdout.write(`${JSON.stringify({ schemaVersion: SCHEMA_VERSION, ...value }, jsonValue, 2)}\n`);
}

/** Prints the result on stdout: `value` as JSON with --json, else the lines for people. */
export function printResult(options: OutputOptions, value: object, lines: () => string[]): void {
  if (options.json) printJson(value);
  else process.stdout.write(`${lines().join('\n')}\n`);
}

function jsonValue(_key: string, value: unknown): unknown {
  if (typeof value === 'bigint') return value.toString();
  if (value instanceof Map) return Object.fromEntries(value);
  return ArrayBuffer.isView(value) ? Array.from(value as unknown as ArrayLike<number>) : value;
}

export type Cell = string | number;

/**
 * Lines of an aligned table, columns two spaces apart. A column whose cells are all numbers, or numbers with a unit, is
 * aligned right.
 */
export function table(head: readonly string[], rows: readonly (readonly Cell[])[]): string[] {
  const cells = [head, ...rows].map((row) => row.map(String));
  const width = head.map((_, column) => Math.max(...cells.map((row) => row[column].length)));
  const right = head.map((_, column) => rows.length > 0 && rows.every((row) => /^[-–\d]/.test(String(row[column]))));
  return cells.map((row) =>
    row
      .map((cell, column) => (right[column] ? cell.padStart(width[column]) : cell.padEnd(width[column])))
      .join('  ')
      .trimEnd(),
  );
}

/** `134 515 008` with thin groups that terminals can show. */
export function groupDigits(value: number): string {
  return String(value).replace(/\B(?=(\d{3})+$)/g, ' ');
}

/** `4 720 544 bytes (4.72 MB)`. */
export function describeBytes(bytes: number): string {
  return `${groupDigits(bytes)} bytes (${formatSize(bytes)})`;
}
