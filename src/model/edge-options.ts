import { UsageError } from '../core/errors.ts';

/*
 * Options of edges: `a8` rounds rows to symmetric integers of 8 bits, a scale per 32 values. The notation is that of the
 * field (W4A8).
 */

/** Fewest bits that activations are rounded to: 2 bits and less leave hardly a sign. */
export const FEWEST = 3;
/** From here on nothing is rounded. */
export const UNROUNDED = 16;

const MARK = 'a';

/** `a8` */
export function edgeOption(bits: number): string {
  return `${MARK}${bits}`;
}

/** Whether an option is one of edges. */
export function isEdgeOption(option: string): boolean {
  return /^a\d+$/.test(option);
}

/** Bits that an option rounds to. @throws UsageError for an option that is none of edges */
export function bitsOf(option: string, subject: string): number {
  const bits = isEdgeOption(option) ? Number(option.slice(MARK.length)) : Number.NaN;
  if (isActivationWidth(bits)) return bits;
  throw new UsageError(`${subject}: ${option}, expected ${edgeOption(FEWEST)} to ${edgeOption(UNROUNDED)}`);
}

export function isActivationWidth(bits: unknown): bits is number {
  return Number.isInteger(bits) && (bits as number) >= FEWEST && (bits as number) <= UNROUNDED;
}

/** Id of the site that the inputs of a matrix are. */
export function edgeOf(tensor: string): string {
  return `${tensor}.input`;
}
