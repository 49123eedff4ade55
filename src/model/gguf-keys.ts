import type { MetadataValue } from '../container/types.ts';
import { FormatError } from '../core/errors.ts';

/** Keys of one architecture in GGUF metadata. */
export interface GgufKeys {
  /** A positive whole number; of an array, the value that all have. @throws FormatError */
  integer(key: string, fallback?: number): number;
  /** A positive number. @throws FormatError */
  number(key: string, fallback?: number): number;
  get(key: string): MetadataValue | undefined;
  /** One number per layer, of an array or of one number for all; undefined where the key is absent. @throws FormatError */
  perLayer(key: string, layers: number): readonly number[] | undefined;
}

/** @param name of the architecture, which stands before every key */
export function ggufKeys(metadata: ReadonlyMap<string, MetadataValue>, name: string): GgufKeys {
  return {
    integer: (key, fallback) => readInteger(metadata, `${name}.${key}`, fallback),
    number: (key, fallback) => readNumber(metadata, `${name}.${key}`, fallback),
    get: (key) => metadata.get(`${name}.${key}`),
    perLayer: (key, layers) => perLayer(metadata.get(`${name}.${key}`), `${name}.${key}`, layers),
  };
}

function perLayer(value: MetadataValue | undefined, key: string, layers: number): readonly number[] | undefined {
  if (value === undefined) return undefined;
  if (typeof value === 'number') return new Array<number>(layers).fill(value);
  const numbers = Array.isArray(value) ? value.map(Number) : [];
  if (numbers.length === layers && numbers.every((each) => Number.isSafeInteger(each) && each >= 0)) return numbers;
  throw new FormatError(`GGUF: ${key} holds ${numbers.length} numbers, expected one for each of ${layers} blocks`);
}

/** Arrays (one value per layer) count when their values agree; zeros stand for layers that have none. */
export function readInteger(metadata: ReadonlyMap<string, MetadataValue>, key: string, fallback?: number): number {
  let value = metadata.get(key) ?? fallback;
  if (typeof value === 'object' && value.length > 0) {
    const perLayer = Array.from(value as readonly number[]).filter((entry) => entry !== 0);
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

/** The last block's value of a key that may have one for each, or one for all. @throws FormatError */
export function lastInteger(metadata: ReadonlyMap<string, MetadataValue>, key: string): number {
  const value = metadata.get(key);
  const last = Array.isArray(value) ? value.at(-1) : value;
  return readInteger(new Map([[key, last as MetadataValue]]), key);
}
