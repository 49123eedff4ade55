import { packBits, packedBytes, unpackBits } from '../bits.ts';
import { groupFormat, SearchedCodec } from '../groups.ts';
import type { CodePass } from '../passes.ts';
import type { ScaledSpec } from '../scaled.ts';
import { readScale, type ScaleType, writeScale } from '../scales.ts';
import type { NumberFormat, TensorFormat } from '../types.ts';

/**
 *   0       s       s + 1                        s + 1 + n·bits/8
 *   ├ scale ┼ z  u8 ┼ n codes, first in low bits ┤   value = fround(scale·(q − z))
 * Asymmetric integers: the zero point is an integer, so that 0 is exact.
 * @see Jacob et al., "Quantization and Training of Neural Networks for Efficient Integer-Arithmetic-Only Inference",
 * CVPR 2018, equation 1
 */
export type AffineSpec = Omit<ScaledSpec, 'element' | 'packing'> & { readonly bits: number };

export function affineFormat({ bits, group, scale, ...facts }: AffineSpec): NumberFormat | TensorFormat {
  return groupFormat({ ...facts, range: [0, 2 ** bits - 1] }, group, (n) => new AffineCodec(bits, scale, n));
}

/** Shares of the range that are tried: a narrower one clips its ends. */
const RANGES = [1, 0.97, 0.94, 0.9, 0.85, 0.8, 0.73, 0.65];
/** Codes at the ends that may stay unused: what was encoded once is then found again. */
const MOST_UNUSED = 4;
const REFINEMENTS = 2;

class AffineCodec extends SearchedCodec {
  readonly bytes: number;
  readonly #bits: number;
  readonly #top: number;
  readonly #scale: ScaleType;
  #codes = new Uint8Array(0);
  #error = 0;
  #step = 0;

  constructor(bits: number, scale: ScaleType, group: number) {
    super(group);
    this.#bits = bits;
    this.#top = 2 ** bits - 1;
    this.#scale = scale;
    this.bytes = scale.bytes + 1 + packedBytes(group, bits);
  }

  /** Makes room for codes when it is needed: a group may be a whole tensor, and often only its bytes are asked for. */
  #prepare(): void {
    if (this.#codes.length !== this.group) this.#codes = new Uint8Array(this.group);
  }

  protected store(values: Float32Array, bytes: Uint8Array, at: number): void {
    this.#prepare();
    const { code, zero } = this.#search();
    const scale = this.#scale.value(code);
    for (let i = 0; i < this.group; i++) this.#codes[i] = this.#nearest(values[i], scale, zero);
    writeScale(this.#scale, code, bytes, at);
    bytes[at + this.#scale.bytes] = zero;
    packBits(this.#codes, 0, this.group, this.#bits, bytes, at + this.#scale.bytes + 1);
  }

  decode(bytes: Uint8Array, at: number, values: Float32Array, from: number): void {
    const scale = readScale(this.#scale, bytes, at);
    const zero = bytes[at + this.#scale.bytes];
    this.#prepare();
    unpackBits(bytes, at + this.#scale.bytes + 1, this.group, this.#bits, this.#codes);
    for (let i = 0; i < this.group; i++) values[from + i] = scale * (this.#codes[i] - zero);
  }

  passes(): readonly CodePass[] {
    const { group, bytes: stride } = this;
    const scale = { type: this.#scale, at: 0 };
    const zeroAt = this.#scale.bytes;
    return [{ group, start: 0, stride, scale, zeroAt, codesAt: zeroAt + 1, bits: this.#bits }];
  }

  /** The scale and zero point with the least weighted error: shares of the range, then least squares for the codes. */
  #search(): { code: number; zero: number } {
    let low = 0;
    let high = 0;
    for (const x of this.x) {
      low = Math.min(low, x);
      high = Math.max(high, x);
    }
    const best = { code: this.#scale.code(0), zero: 0 };
    if (low === high) return best;
    let bestError = Infinity;
    let step = 0;
    const attempt = (wanted: number, lowest: number): void => {
      const nearest = this.#scale.code(wanted);
      for (const code of this.#scale.precision > 3 ? [nearest] : [nearest, nearest + 1]) {
        const scale = this.#scale.value(code);
        const zero = Math.min(Math.max(Math.round(-lowest / scale), 0), this.#top);
        if (!(scale > 0) || !Number.isFinite(Math.fround(scale * this.#top))) continue;
        this.#measure(scale, zero);
        if (!(this.#error < bestError)) continue;
        bestError = this.#error;
        Object.assign(best, { code, zero });
        step = this.#step;
      }
    };
    for (const share of RANGES) attempt((share * high - share * low) / this.#top, share * low);
    for (let unused = 1; unused <= MOST_UNUSED && unused < this.#top; unused++)
      attempt((high - low) / (this.#top - unused), low);
    for (let k = 0; k < REFINEMENTS && step > 0; k++) attempt(step, -best.zero * step);
    return best;
  }

  #measure(scale: number, zero: number): void {
    let error = 0;
    let xq = 0;
    let qq = 0;
    for (let i = 0; i < this.group; i++) {
      const q = this.#nearest(this.x[i], scale, zero) - zero;
      const difference = this.x[i] - Math.fround(scale * q);
      error += this.w[i] * difference * difference;
      xq += this.w[i] * this.x[i] * q;
      qq += this.w[i] * q * q;
    }
    this.#error = error;
    this.#step = xq / qq;
  }

  #nearest(value: number, scale: number, zero: number): number {
    if (scale === 0 || Number.isNaN(value)) return zero;
    return Math.min(Math.max(Math.round(value / scale) + zero, 0), this.#top);
  }
}
