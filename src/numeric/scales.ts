import { f16ToNumber, LARGEST_F16, numberToF16 } from '../core/float16.ts';
import { F8_E4M3, F8_E5M2, type FloatGrid, Minifloat, type MinifloatSpec } from '../core/minifloat.ts';

/** A number type in which formats store the scale of a group. Codes of positive values ascend with the value. */
export interface ScaleType {
  readonly name: string;
  readonly bytes: number;
  /** Mantissa bits: a stored scale is within 2^−(precision + 1) of the wanted one, relatively. */
  readonly precision: number;
  /** Its values above 0, where they are a float's; absent for powers of two, between which ties go up. */
  readonly grid?: FloatGrid;
  /** Whether values become float32 before they are rounded. */
  readonly isRoundedTwice?: true;
  /** Code nearest to a value that is not negative: saturates, and never becomes 0 unless the value is 0. */
  code(value: number): number;
  /** Value of a code; NaN codes decode to NaN. */
  value(code: number): number;
}

const single = new Float32Array(1);
const singleBits = new Uint32Array(single.buffer);
const LARGEST_F32 = 3.4028234663852886e38;
const SMALLEST_F32 = 2 ** -149;
const LARGEST_BF16 = 0x7f7f;

export const SCALE_F32: ScaleType = {
  name: 'F32',
  bytes: 4,
  precision: 23,
  grid: { mantissaBits: 23, smallestNormal: 2 ** -126, largest: LARGEST_F32 },
  code(value) {
    single[0] = value === 0 ? 0 : Math.min(Math.max(value, SMALLEST_F32), LARGEST_F32);
    return singleBits[0];
  },
  value(code) {
    singleBits[0] = code;
    return single[0];
  },
};

export const SCALE_F16: ScaleType = {
  name: 'F16',
  bytes: 2,
  precision: 10,
  grid: { mantissaBits: 10, smallestNormal: 2 ** -14, largest: LARGEST_F16 },
  code: (value) => (value === 0 ? 0 : Math.max(numberToF16(Math.min(value, LARGEST_F16)), 1)),
  value: (code) => f16ToNumber(code),
};

export const SCALE_BF16: ScaleType = {
  name: 'BF16',
  bytes: 2,
  precision: 7,
  grid: { mantissaBits: 7, smallestNormal: 2 ** -126, largest: 2 ** 128 - 2 ** 120 },
  isRoundedTwice: true,
  code(value) {
    const bits = SCALE_F32.code(value);
    const rounded = (bits + 0x7fff + ((bits >>> 16) & 1)) >>> 16;
    return value === 0 ? 0 : Math.min(Math.max(rounded, 1), LARGEST_BF16);
  },
  value: (code) => SCALE_F32.value((code << 16) >>> 0),
};

/** OFP8 E4M3 as a scale, the sign bit unused (UE4M3): NVFP4's. */
export const SCALE_E4M3 = minifloatScale('UE4M3', F8_E4M3);
/** OFP8 E5M2 as a scale, the sign bit unused. */
export const SCALE_E5M2 = minifloatScale('UE5M2', F8_E5M2);
/** The sign bit spent on range instead. */
export const UE5M3_SPEC: MinifloatSpec = { exponentBits: 5, mantissaBits: 3, specials: 'fn', signed: false };
export const SCALE_E5M3 = minifloatScale('UE5M3', new Minifloat(UE5M3_SPEC));

/** E8M0: 2^(code − 127), 255 is NaN, there is no 0. @see OCP MX 1.0, section 5.4.1 */
export const SCALE_E8M0: ScaleType = {
  name: 'UE8M0',
  bytes: 1,
  precision: 0,
  code: (value) => e8m0Code(value),
  value: (code) => (code === 255 ? Number.NaN : 2 ** (code - 127)),
};

export const scaleTypes: readonly ScaleType[] = [
  SCALE_F32,
  SCALE_F16,
  SCALE_BF16,
  SCALE_E4M3,
  SCALE_E5M2,
  SCALE_E5M3,
  SCALE_E8M0,
];

/** Ties go up. */
function e8m0Code(value: number): number {
  if (!(value > 2 ** -127)) return 0;
  if (value >= 2 ** 127) return 254;
  const field = Math.floor(Math.log2(value)) + 127;
  const low = value < 2 ** (field - 127) ? field - 1 : value >= 2 ** (field - 126) ? field + 1 : field; // log2 rounds
  return value >= 1.5 * 2 ** (low - 127) ? low + 1 : low;
}

function minifloatScale(name: string, float: Minifloat): ScaleType {
  return {
    name,
    bytes: 1,
    precision: float.spec.mantissaBits,
    grid: float.grid,
    code: (value) => (value === 0 ? 0 : Math.max(float.saturate(value), 1)),
    value: (code) => float.values[code],
  };
}

/** Stores a scale's code at byte `at`, little-endian. */
export function writeScale(type: ScaleType, code: number, bytes: Uint8Array, at: number): void {
  for (let k = 0; k < type.bytes; k++) bytes[at + k] = code >>> (8 * k);
}

export function readScale(type: ScaleType, bytes: Uint8Array, at: number): number {
  let code = 0;
  for (let k = 0; k < type.bytes; k++) code |= bytes[at + k] << (8 * k);
  return type.value(code >>> 0);
}
