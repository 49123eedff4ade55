/**
 * IEEE 754 binary16, bfloat16 and OCP 8-bit floats ↔ float32. Encoders round to nearest, ties to even; overflow goes to
 * ±Inf where the format has it. Bulk functions take bytes at any alignment, little-endian.
 * @see OCP 8-bit Floating Point Specification (OFP8) 1.0, section 5
 */
const single = new Float32Array(1);
const singleBits = new Uint32Array(single.buffer);
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

/** An 8-bit float as its 256 values and its rounding. */
export interface Float8 {
  /** [256] value of every code */
  readonly values: Float32Array;
  /** Largest finite value. */
  readonly max: number;
  decode(bytes: Uint8Array, values: Float32Array): void;
  /** Beyond the largest value: ±Inf, or NaN in formats without Inf. */
  encode(values: Float32Array, bytes: Uint8Array): void;
}

/** 4 exponent bits, 3 mantissa bits, no Inf, NaN = S.1111.111; safetensors' F8_E4M3. */
export const F8_E4M3: Float8 = float8(4, 3, 0x7f, 0x7e);
/** 5 exponent bits, 2 mantissa bits, Inf and NaN as in IEEE 754; safetensors' F8_E5M2. */
export const F8_E5M2: Float8 = float8(5, 2, 0x7c, 0x7b);

/** @param overflow code that stands for what is too large; @param largest code of the largest finite value */
function float8(exponentBits: number, mantissaBits: number, overflow: number, largest: number): Float8 {
  const bias = 2 ** (exponentBits - 1) - 1;
  const decodeTable = new Float32Array(256);
  for (let code = 0; code < 256; code++) {
    const exponent = (code & 0x7f) >> mantissaBits;
    const mantissa = (code & (2 ** mantissaBits - 1)) / 2 ** mantissaBits;
    const magnitude = exponent === 0 ? mantissa * 2 ** (1 - bias) : (1 + mantissa) * 2 ** (exponent - bias);
    const special = (code & 0x7f) === overflow && exponentBits === 5 ? Infinity : Number.NaN;
    decodeTable[code] = (code < 128 ? 1 : -1) * ((code & 0x7f) <= largest ? magnitude : special);
  }
  const max = decodeTable[largest];
  const overflowAt = max + 2 ** (Math.floor(Math.log2(max)) - mantissaBits - 1);
  return {
    values: decodeTable,
    max,
    decode(bytes, values) {
      for (let i = 0; i < values.length; i++) values[i] = decodeTable[bytes[i]];
    },
    encode(values, bytes) {
      for (let i = 0; i < values.length; i++) {
        single[0] = values[i];
        const sign = singleBits[0] >>> 31;
        const magnitude = Math.abs(values[i]);
        let code: number;
        if (Number.isNaN(magnitude)) code = 0x7f;
        else if (magnitude > overflowAt || (magnitude === overflowAt && (largest & 1) === 1)) code = overflow;
        else code = nearestCode(magnitude, bias, mantissaBits);
        bytes[i] = (sign << 7) | code;
      }
    },
  };
}

/** Code of the positive value nearest to `magnitude`, ties to even. */
function nearestCode(magnitude: number, bias: number, mantissaBits: number): number {
  single[0] = magnitude;
  const exponent = Math.max((singleBits[0] >>> 23) - 127, 1 - bias);
  const scaled = magnitude * 2 ** (mantissaBits - exponent); // in units of the last place: < 2^(mantissaBits + 1)
  const floor = Math.floor(scaled);
  const rest = scaled - floor;
  const units = rest > 0.5 || (rest === 0.5 && (floor & 1) === 1) ? floor + 1 : floor;
  // units may carry into the next exponent: the codes are consecutive, so adding does the right thing
  return ((exponent + bias - 1) << mantissaBits) + units;
}
