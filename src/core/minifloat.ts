/**
 * Floats of 3 to 8 bits: any exponent and mantissa width, bias and convention for Inf and NaN. Rounding is to nearest,
 * ties to even.
 * @see OCP 8-bit Floating Point Specification (OFP8) 1.0, section 5; OCP Microscaling Formats (MX) 1.0, section 5.3;
 * Noune et al., "8-bit Numerical Formats for Deep Neural Networks", 2022 (FNUZ)
 */
const single = new Float32Array(1);
const singleBits = new Uint32Array(single.buffer);

/**
 * What the top of the range means:
 * `ieee` the last exponent is Inf and NaN; `fn` only all ones is NaN, there is no Inf; `finite` every code is a number;
 * `fnuz` there is no Inf and no −0, whose code is the only NaN.
 */
export type Specials = 'ieee' | 'fn' | 'finite' | 'fnuz';

export interface MinifloatSpec {
  readonly exponentBits: number;
  readonly mantissaBits: number;
  readonly specials: Specials;
  /** Default 2^(exponentBits − 1) − 1, one more for `fnuz`. */
  readonly bias?: number;
  /** Default true; without a sign, values below 0 become 0. */
  readonly signed?: boolean;
}

/**
 * Magnitudes of a binary float: from each power of two on to the next in steps of it · 2^−mantissaBits, below the smallest
 * normal in the steps that start there.
 */
export interface FloatGrid {
  readonly mantissaBits: number;
  readonly smallestNormal: number;
  readonly largest: number;
}

export class Minifloat {
  readonly bits: number;
  readonly bias: number;
  /** [2^bits] value of every code */
  readonly values: Float32Array;
  /** Largest finite value. */
  readonly max: number;
  /** Smallest value above 0. */
  readonly smallest: number;
  readonly spec: MinifloatSpec;
  readonly grid: FloatGrid;
  /** Codes without sign: of the largest finite magnitude, of what is larger, and of NaN. */
  readonly largest: number;
  readonly overflow: number;
  readonly nan: number;
  readonly #signBit: number;
  readonly #overflowAt: number;

  constructor(spec: MinifloatSpec) {
    const { exponentBits, mantissaBits, specials, signed = true } = spec;
    const magnitudeBits = exponentBits + mantissaBits;
    const magnitudes = 2 ** magnitudeBits;
    this.spec = spec;
    this.bits = magnitudeBits + (signed ? 1 : 0);
    this.bias = spec.bias ?? 2 ** (exponentBits - 1) - (specials === 'fnuz' ? 0 : 1);
    this.#signBit = signed ? magnitudes : 0;
    const taken = { ieee: 2 ** mantissaBits, fn: 1, finite: 0, fnuz: 0 }[specials];
    this.largest = magnitudes - 1 - taken;
    this.nan = { ieee: magnitudes - 1, fn: magnitudes - 1, finite: 0, fnuz: magnitudes }[specials];
    this.overflow = { ieee: this.largest + 1, fn: this.nan, finite: this.largest, fnuz: this.nan }[specials];
    this.values = Float32Array.from({ length: 2 ** this.bits }, (_, code) => this.#decode(code));
    this.max = this.values[this.largest];
    this.smallest = this.values[1];
    this.grid = { mantissaBits, smallestNormal: 2 ** (1 - this.bias), largest: this.max };
    this.#overflowAt = this.max + 2 ** (Math.floor(Math.log2(this.max)) - mantissaBits - 1);
  }

  /** Code of the nearest value; what is too large becomes ±Inf, or NaN in formats that have only that, or saturates. */
  code(value: number): number {
    if (Number.isNaN(value)) return this.nan;
    const sign = value < 0 || Object.is(value, -0) ? this.#signBit : 0;
    if (value < 0 && sign === 0) return 0;
    const magnitude = Math.abs(value);
    const overflows = magnitude > this.#overflowAt || (magnitude === this.#overflowAt && (this.largest & 1) === 1);
    const code = overflows ? this.overflow : this.#nearest(magnitude);
    return this.spec.specials === 'fnuz' && (code === 0 || code === this.nan) ? code : sign | code;
  }

  /** Code of the nearest finite value: saturates, NaN counts as 0. */
  saturate(value: number): number {
    if (Number.isNaN(value)) return 0;
    return this.code(Math.min(Math.max(value, -this.max), this.max));
  }

  /** Codes, one a byte → values. */
  decode(codes: Uint8Array, values: Float32Array): void {
    for (let i = 0; i < values.length; i++) values[i] = this.values[codes[i]];
  }

  /** Values → codes, one a byte, as `code` rounds. */
  encode(values: Float32Array, codes: Uint8Array): void {
    for (let i = 0; i < values.length; i++) codes[i] = this.code(values[i]);
  }

  #decode(code: number): number {
    const { mantissaBits, specials } = this.spec;
    if (specials === 'fnuz' && code === this.nan) return Number.NaN;
    const isNegative = this.#signBit !== 0 && code >= this.#signBit;
    const bits = isNegative ? code - this.#signBit : code;
    const field = bits >> mantissaBits;
    const mantissa = (bits & (2 ** mantissaBits - 1)) / 2 ** mantissaBits;
    let magnitude = field === 0 ? mantissa * 2 ** (1 - this.bias) : (1 + mantissa) * 2 ** (field - this.bias);
    if (bits > this.largest) magnitude = specials === 'ieee' && mantissa === 0 ? Infinity : Number.NaN;
    return isNegative ? -magnitude : magnitude;
  }

  /** Code of the positive value nearest to `magnitude`, ties to even. */
  #nearest(magnitude: number): number {
    const { mantissaBits } = this.spec;
    single[0] = magnitude;
    const exponent = Math.max((singleBits[0] >>> 23) - 127, 1 - this.bias);
    const scaled = magnitude * 2 ** (mantissaBits - exponent); // in units of the last place: ≤ 2^(mantissaBits + 1)
    const floor = Math.floor(scaled);
    const rest = scaled - floor;
    // codes are consecutive: what rounds up from the largest mantissa carries into the exponent
    const code = ((exponent + this.bias - 1) << mantissaBits) + floor;
    return Math.min(rest > 0.5 || (rest === 0.5 && (code & 1) === 1) ? code + 1 : code, this.largest);
  }
}

/** 4 exponent bits, 3 mantissa bits, no Inf, NaN = S.1111.111; safetensors' F8_E4M3. */
export const F8_E4M3 = new Minifloat({ exponentBits: 4, mantissaBits: 3, specials: 'fn' });
/** 5 exponent bits, 2 mantissa bits, Inf and NaN as in IEEE 754; safetensors' F8_E5M2. */
export const F8_E5M2 = new Minifloat({ exponentBits: 5, mantissaBits: 2, specials: 'ieee' });
