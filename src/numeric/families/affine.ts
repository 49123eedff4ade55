import type { EncodeBackend } from '../backend.ts';
import { packBits, packedBytes, unpackBits } from '../bits.ts';
import { type GroupCodec, groupFormat, searchGroups } from '../groups.ts';
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

class AffineCodec implements GroupCodec {
  readonly group: number;
  readonly bytes: number;
  readonly #bits: number;
  readonly #scale: ScaleType;
  #made?: Uint8Array;

  constructor(bits: number, scale: ScaleType, group: number) {
    this.group = group;
    this.#bits = bits;
    this.#scale = scale;
    this.bytes = scale.bytes + 1 + packedBytes(group, bits);
  }

  /** Room for a group's codes, made when needed: a group may be a whole tensor, and often only its bytes are asked for. */
  get #codes(): Uint8Array {
    this.#made ??= new Uint8Array(this.group);
    return this.#made;
  }

  encode(values: Float32Array, importance: Float32Array | undefined, bytes: Uint8Array, backend: EncodeBackend): void {
    const search = { kind: 'zeroPoint', bits: this.#bits, type: this.#scale } as const;
    let at = 0;
    searchGroups(search, this.group, values, importance, backend, (scale, zero, codes) => {
      writeScale(this.#scale, scale, bytes, at);
      bytes[at + this.#scale.bytes] = zero;
      packBits(codes, 0, this.group, this.#bits, bytes, at + this.#scale.bytes + 1);
      at += this.bytes;
    });
  }

  decode(bytes: Uint8Array, at: number, values: Float32Array, from: number): void {
    const scale = readScale(this.#scale, bytes, at);
    const zero = bytes[at + this.#scale.bytes];
    const codes = this.#codes;
    unpackBits(bytes, at + this.#scale.bytes + 1, this.group, this.#bits, codes);
    for (let i = 0; i < this.group; i++) values[from + i] = scale * (codes[i] - zero);
  }

  passes(): readonly CodePass[] {
    const { group, bytes: stride } = this;
    const scale = { type: this.#scale, at: 0 };
    const zeroAt = this.#scale.bytes;
    return [{ group, start: 0, stride, scale, zeroAt, codesAt: zeroAt + 1, bits: this.#bits }];
  }
}
