import { FormatError } from '../core/errors.ts';
import type { ConfigFields } from './architectures/types.ts';

/** Under which names models of several parts keep the config of their language model. */
const TEXT_PARTS = ['text_config', 'llm_config', 'language_config'];

/** The nested config of a language model; undefined when there is none. */
export function textFields(config: ConfigFields): ConfigFields | undefined {
  const nested = TEXT_PARTS.map((name) => config[name]).find((part) => typeof part === 'object' && part !== null);
  return nested as ConfigFields | undefined;
}

/** @throws FormatError */
export function asObject(value: unknown, subject: string): ConfigFields {
  if (typeof value === 'object' && value !== null && !Array.isArray(value)) return value as ConfigFields;
  throw new FormatError(`${subject}: expected a JSON object`);
}

/** A positive whole number; null counts as absent. @throws FormatError */
export function readInteger(fields: ConfigFields, key: string, subject: string, fallback?: number): number {
  const value = fields[key] ?? fallback;
  if (typeof value === 'number' && Number.isSafeInteger(value) && value > 0) return value;
  throw new FormatError(`${subject}: ${key} is ${shown(value)}, expected a positive integer`);
}

/** A positive finite number; null counts as absent. @throws FormatError */
export function readNumber(fields: ConfigFields, key: string, subject: string, fallback?: number): number {
  const value = fields[key] ?? fallback;
  if (typeof value === 'number' && Number.isFinite(value) && value > 0) return value;
  throw new FormatError(`${subject}: ${key} is ${shown(value)}, expected a positive number`);
}

function shown(value: unknown): string {
  if (typeof value === 'number') return String(value);
  return value === undefined || value === null ? 'missing' : JSON.stringify(value);
}
