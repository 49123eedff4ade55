import { FormatError } from '../core/errors.ts';

/** Bytes (GGUF) or characters (safetensors) of a tensor name at most; llama.cpp itself stops at 63. */
export const longestName = 1024;

/**
 * Throws FormatError for a name with control characters: names go into messages and tables, where those would write
 * over a terminal.
 * @param what `key 3`, `name of tensor 7`
 */
export function checkName(subject: string, what: string, name: string): void {
  if (/\p{Cc}/u.test(name))
    throw new FormatError(`${subject}: ${what} holds control characters: ${JSON.stringify(name.slice(0, 80))}`);
}

/** A value out of a file, fit for a message: short and on one line. */
export function shown(value: unknown): string {
  const text = typeof value === 'string' ? JSON.stringify(value) : String(value);
  return text.length > 80 ? `${text.slice(0, 80)}…` : text;
}
