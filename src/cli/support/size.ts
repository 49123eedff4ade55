import { UsageError } from '../../core/errors.ts';

const UNITS: Readonly<Record<string, number>> = {
  '': 1,
  b: 1,
  k: 1e3,
  m: 1e6,
  g: 1e9,
  t: 1e12,
  kb: 1e3,
  mb: 1e6,
  gb: 1e9,
  tb: 1e12,
  kib: 2 ** 10,
  mib: 2 ** 20,
  gib: 2 ** 30,
  tib: 2 ** 40,
};

/**
 * Bytes of `61234567`, `60MB` or `60M` (10⁶), or `57MiB` (2²⁰); decimals allowed with a unit, case ignored, rounded down.
 * @throws UsageError
 */
export function parseSize(text: string): number {
  const match = /^(\d+(?:\.\d+)?)\s*([a-z]*)$/i.exec(text.trim());
  const unit = match && UNITS[match[2].toLowerCase()];
  const bytes = match && unit !== undefined ? Math.floor(Number(match[1]) * (unit ?? 1)) : Number.NaN;
  if (!Number.isSafeInteger(bytes) || bytes <= 0 || (unit === 1 && match?.[1].includes('.')))
    throw new UsageError(`size ${text}: expected bytes (61234567), 60MB or 60M (10^6), 1.8G (10^9) or 57MiB (2^20)`);
  return bytes;
}

/** `61.2 MB`: three significant digits in powers of 1000. */
export function formatSize(bytes: number): string {
  const units = ['B', 'kB', 'MB', 'GB', 'TB'];
  let unit = 0;
  let value = bytes;
  // 999.5 would be shown as 1000.
  while (value >= 999.5 && unit < units.length - 1) {
    value /= 1000;
    unit++;
  }
  return unit === 0 ? `${bytes} B` : `${value.toFixed(value < 9.995 ? 2 : value < 99.95 ? 1 : 0)} ${units[unit]}`;
}

/**
 * Milliseconds of `25ms`, `0.5s` or `800us`.
 * @throws UsageError
 */
export function parseDuration(text: string): number {
  const match = /^(\d+(?:\.\d+)?)\s*(us|µs|ms|s)$/i.exec(text.trim());
  const milliseconds = match ? Number(match[1]) * MILLISECONDS[match[2].toLowerCase()] : Number.NaN;
  if (!Number.isFinite(milliseconds) || milliseconds <= 0)
    throw new UsageError(`time ${text}: expected a number with its unit, such as 25ms, 0.5s or 800us`);
  return milliseconds;
}

const MILLISECONDS: Readonly<Record<string, number>> = { us: 1e-3, µs: 1e-3, ms: 1, s: 1e3 };

const COUNTS: Readonly<Record<string, number>> = { '': 1, k: 1e3, m: 1e6, g: 1e9, t: 1e12, p: 1e15 };

/**
 * A count as `40G` or `1.5T`: powers of 1000, case ignored, rounded down.
 * @throws UsageError
 */
export function parseCount(text: string): number {
  const match = /^(\d+(?:\.\d+)?)\s*([a-z]?)$/i.exec(text.trim());
  const count = match ? Math.floor(Number(match[1]) * (COUNTS[match[2].toLowerCase()] ?? Number.NaN)) : Number.NaN;
  if (!Number.isSafeInteger(count) || count <= 0)
    throw new UsageError(`count ${text}: expected a number such as 40000000000, 40G or 1.5T`);
  return count;
}

/** `40.0 G`: three significant digits in powers of 1000. */
export function formatCount(count: number): string {
  return formatSize(count).replace(/ ?B$/, '').replace('kB', 'k');
}
