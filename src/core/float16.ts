/**
 * IEEE 754 binary16 and bfloat16 ↔ float32. Encoders round to nearest, ties to even; overflow goes to ±Inf. Bulk
 * functions take bytes at any alignment, little-endian.
 */
const half = new Float16Array(1);
const halfBits = new Uint16Array(half.buffer);

// [65536] a look-up is the fastest way from scattered half scales to numbers: 256 KiB, made once
const halfValues = Float32Array.from(new Float16Array(Uint16Array.from({ length: 65536 }, (_, bits) => bits).buffer));

/** Value of a binary16 bit pattern. */
export function f16ToNumber(bits: number): number {
  return halfValues[bits];
}

/** Bit pattern of the binary16 nearest to a number (rounded once, from double). */
export function numberToF16(value: number): number {
  half[0] = value;
  return halfBits[0];
}

/** Value of the binary16 at byte `at`. */
export function readF16(bytes: Uint8Array, at: number): number {
  return halfValues[bytes[at] | (bytes[at + 1] << 8)];
}

/** Stores the binary16 nearest to `value` at byte `at` and returns the value stored. */
export function writeF16(bytes: Uint8Array, at: number, value: number): number {
  const bits = numberToF16(value);
  bytes[at] = bits;
  bytes[at + 1] = bits >> 8;
  return halfValues[bits];
}

/** Largest finite binary16. */
export const LARGEST_F16 = 65504;
const SMALLEST_F16 = 2 ** -24;

/** A block's scale as binary16 stores it: saturated, and never rounded to 0 unless it is 0. */
export function roundScale(scale: number): number {
  if (scale === 0) return 0;
  const magnitude = Math.min(Math.max(Math.abs(scale), SMALLEST_F16), LARGEST_F16);
  half[0] = scale < 0 ? -magnitude : magnitude;
  return halfValues[halfBits[0]];
}

/** binary16 bytes [2 n] → values [n]. */
export function decodeF16(bytes: Uint8Array, values: Float32Array): void {
  const bits = words(bytes, values.length);
  for (let i = 0; i < values.length; i++) values[i] = halfValues[bits[i]];
}

/** values [n] → binary16 bytes [2 n]. */
export function encodeF16(values: Float32Array, bytes: Uint8Array): void {
  const rounded = new Float16Array(values);
  bytes.set(new Uint8Array(rounded.buffer));
}

/** bfloat16 bytes [2 n] → values [n]. */
export function decodeBF16(bytes: Uint8Array, values: Float32Array): void {
  const upper = words(bytes, values.length);
  const bits = new Uint32Array(values.buffer, values.byteOffset, values.length);
  for (let i = 0; i < bits.length; i++) bits[i] = upper[i] << 16;
}

/** values [n] → bfloat16 bytes [2 n]. A NaN keeps its sign and upper payload, made quiet. */
export function encodeBF16(values: Float32Array, bytes: Uint8Array): void {
  const wide = new Uint32Array(values.buffer, values.byteOffset, values.length);
  const rounded = new Uint16Array(values.length);
  for (let i = 0; i < wide.length; i++) {
    const bits = wide[i];
    const isNotANumber = (bits & 0x7fffffff) > 0x7f800000;
    rounded[i] = isNotANumber ? (bits >>> 16) | 64 : (bits + 0x7fff + ((bits >>> 16) & 1)) >>> 16;
  }
  bytes.set(new Uint8Array(rounded.buffer));
}

/** The first `length` 16-bit words of bytes at any alignment; a view where that is possible. */
function words(bytes: Uint8Array, length: number): Uint16Array {
  const aligned = bytes.byteOffset % 2 === 0 ? bytes : bytes.slice(0, 2 * length);
  return new Uint16Array(aligned.buffer, aligned.byteOffset, length);
}
