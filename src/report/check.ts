import { FormatError } from '../core/errors.ts';
import type { ReportData } from './types.ts';

/** Fields that must be there, by kind. */
const LISTS = ['assignments', 'frontier', 'measured', 'timings', 'commands'] as const;
const OBJECTS = ['model', 'result'] as const;

/**
 * Whether a JSON value is a saved run that this version can show: its version, its parts, and every number finite.
 * @param name for messages
 * @throws FormatError
 */
export function checkReportData(value: unknown, name: string): ReportData {
  const data = value as Partial<Record<keyof ReportData, unknown>> | null;
  if (typeof data !== 'object' || data === null || data.version !== 1)
    throw new FormatError(`${name}: is no saved run of version 1; give the .bitbudget.json that quantize wrote`);
  for (const field of LISTS)
    if (!Array.isArray(data[field]))
      throw new FormatError(`${name}: ${field} is missing, expected a list; make the run again`);
  for (const field of OBJECTS)
    if (typeof data[field] !== 'object' || data[field] === null)
      throw new FormatError(`${name}: ${field} is missing, expected an object; make the run again`);
  const bad = findBadNumber(data, '');
  if (bad) throw new FormatError(`${name}: ${bad}, expected a finite number`);
  return data as ReportData;
}

/** Path and value of the first number that is not finite. JSON turns NaN and Infinity into null. */
function findBadNumber(value: unknown, path: string): string | undefined {
  if (value === null || (typeof value === 'number' && !Number.isFinite(value))) return `${path} is ${value}`;
  if (typeof value !== 'object') return undefined;
  for (const [key, child] of Object.entries(value)) {
    const bad = findBadNumber(child, path === '' ? key : `${path}.${key}`);
    if (bad) return bad;
  }
  return undefined;
}
