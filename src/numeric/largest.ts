import { decodeRows, encodeRows } from './table.ts';
import type { NumberFormat } from './types.ts';

/** Beyond every block format, so that their encoders give the largest value they have. */
const BEYOND = 3e38;

const found = new Map<NumberFormat, number>();

/**
 * Largest magnitude that a format holds whatever its sign: larger values become infinite in floats and are cut in block
 * formats. Floats state it; of block formats it is what their encoder makes of larger values. Affine formats reach further
 * on one side than on the other: the nearer side counts.
 */
export function largestOf(format: NumberFormat): number {
  let largest = format.largest ?? found.get(format);
  if (largest === undefined) {
    largest = Math.min(reach(format, BEYOND), reach(format, -BEYOND));
    found.set(format, largest);
  }
  return largest;
}

function reach(format: NumberFormat, value: number): number {
  const { blockSize } = format;
  const stored = decodeRows(format, encodeRows(format, new Float32Array(blockSize).fill(value), blockSize), blockSize);
  return stored.reduce((most, each) => Math.max(most, Math.abs(each)), 0);
}
