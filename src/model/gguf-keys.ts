import type { MetadataValue } from '../container/types.ts';
import { FormatError } from '../core/errors.ts';

/** Keys of one architecture in GGUF metadata. */
export interface GgufKeys {
  /** A positive whole number; of an array, the value that all have. @throws FormatError */
  integer(key: string, fallback?: number): number;
  /** A positive number. @throws FormatError */
  number(key: string, fallback?: number): number;
  get(key: string): MetadataValue | undefined;
}

/** @param name of the architecture, which stands before every key */
export function ggufKeys(metadata: ReadonlyMap<string, MetadataValue>, name: string): GgufKeys {
  return {
    integer: (key, fallback) => readInteger(metadata, `${name}.${key}`, fallback),
    number: (key, fallback) => readNumber(metadata, `${name}.${key}`, fallback),
    get: (key) => metadata.get(`${name}.${key}`),
  };
}

/** Arrays (one value per layer) count when all their values agree. */
export function readInteger(metadata: ReadonlyMap<string, MetadataValue>, key: string, fallback?: number): number {
  let value = metadata.get(key) ?? fallback;
  if (typeof value === 'object' && value.length > 0) {
    const perLayer = Array.from(value as readonly number[]);
    if (perLayer.every((entry) => entry === perLayer[0])) value = perLayer[0];
    else throw new FormatError(`GGUF: ${key} differs between layers, which is not supported`);
  }
  if (typeof value === 'number' && Number.isSafeInteger(value) && value > 0) return value;
  throw new FormatError(`GGUF: ${key} is ${value ?? 'missing'}, expected a positive integer`);
}

export function readNumber(metadata: ReadonlyMap<string, MetadataValue>, key: string, fallback?: number): number {
  const value = metadata.get(key) ?? fallback;
  if (typeof value === 'number' && Number.isFinite(value) && value > 0) return value;
  throw new FormatError(`GGUF: ${key} is ${value ?? 'missing'}, expected a positive number`);
}
