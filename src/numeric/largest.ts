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

/**
 * Largest magnitude of the values that blocks decode to; not finite when one of them is not.
 * @param blocks whole blocks of the format
 */
export function largestIn(format: NumberFormat, blocks: Uint8Array): number {
  if (format.blockSize === 1) return largestFloat(format, blocks);
  const values = new Float32Array((blocks.length / format.blockBytes) * format.blockSize);
  format.decodeBlocks(blocks, values);
  return largestOfValues(values);
}

/** The same of values themselves. */
export function largestOfValues(values: Float32Array): number {
  return largestFloat(
    { blockBytes: 4, decodeBlocks: copyFloats },
    new Uint8Array(values.buffer, values.byteOffset, values.byteLength),
  );
}

/** Of floats by themselves: without their sign, bit patterns are ordered as magnitudes are, infinity and NaN last. */
function largestFloat(
  { blockBytes, decodeBlocks }: Pick<NumberFormat, 'blockBytes' | 'decodeBlocks'>,
  bytes: Uint8Array,
): number {
  const words = wordsOf(bytes, blockBytes);
  const magnitude = 2 ** (8 * blockBytes - 1) - 1;
  let most = 0;
  for (let i = 0; i < words.length; i++) {
    const bits = words[i] & magnitude;
    if (bits > most) most = bits;
  }
  const value = new Float32Array(1);
  decodeBlocks(new Uint8Array(Uint32Array.of(most).buffer, 0, blockBytes), value);
  return value[0];
}

/** Little-endian words of 1, 2 or 4 bytes. */
function wordsOf(bytes: Uint8Array, width: number): Uint8Array | Uint16Array | Uint32Array {
  const { buffer, byteOffset, byteLength } = bytes.byteOffset % width === 0 ? bytes : bytes.slice();
  if (width === 1) return bytes;
  if (width === 2) return new Uint16Array(buffer, byteOffset, byteLength / 2);
  return new Uint32Array(buffer, byteOffset, byteLength / 4);
}

function copyFloats(bytes: Uint8Array, values: Float32Array): void {
  new Uint8Array(values.buffer, values.byteOffset, values.byteLength).set(bytes);
}
