import { UsageError } from '../core/errors.ts';
import type { Tokenizer } from './types.ts';

/** Tokens that a model wants around a text: [CLS] and [SEP]. */
export interface Frame {
  readonly before: Int32Array;
  readonly behind: Int32Array;
}

export function frameOf(tokenizer: Tokenizer): Frame {
  const before = tokenizer.encode('', { special: 'start' });
  return { before, behind: tokenizer.encode('', { special: true }).subarray(before.length) };
}

/**
 * Writes the frame over the ends of a text.
 * @throws UsageError when nothing of the text is left
 */
export function framed(text: Int32Array, { before, behind }: Frame): void {
  if (text.length <= before.length + behind.length)
    throw new UsageError(`text: ${text.length} tokens have no room for the ${before.length + behind.length} around it`);
  text.set(before, 0);
  text.set(behind, text.length - behind.length);
}
