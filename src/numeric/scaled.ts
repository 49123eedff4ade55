import type { EncodeBackend } from './backend.ts';
import { packBits, packedBytes, unpackBits } from './bits.ts';
import type { Element } from './elements.ts';
import { exactScales } from './exact/two-levels.ts';
import { type FormatFacts, type GroupCodec, groupBlocks, groupFormat, searchGroups } from './groups.ts';
import { type ByteCodes, type CodePass, levelsOf } from './passes.ts';
import { readScale, SCALE_F32, type ScaleType, writeScale } from './scales.ts';
import { levelCodes } from './search/groups/level.ts';
import { tensorFormat } from './tensor.ts';
import type { NumberFormat, TensorFormat } from './types.ts';

/** Formats of the one form value = scale·level: an element, what shares a scale, and how the scale is stored. */
export interface ScaledSpec extends FormatFacts {
  readonly element: Element;
  /** Values that share a scale: that many of a row, a whole row, or all. */
  readonly group: number | 'channel' | 'tensor';
  readonly scale: ScaleType;
  /** How codes lie in bytes; default one after the other, the first in the lowest bits. */
  readonly packing?: Packing;
}

/** How the codes of a group lie in bytes. */
export interface Packing {
  /** Bits of a code, where codes are fields of bits, the first lowest. */
  readonly bits?: number;
  /** Upper bits of fields, and the byte at which they start behind the lower ones. */
  readonly upper?: { readonly bits: number; at(count: number): number };
  /** The codes of every byte or field, where they are no fields of bits themselves. */
  readonly byteCodes?: ByteCodes;
  bytes(count: number): number;
  pack(codes: Uint16Array, bytes: Uint8Array): void;
  unpack(bytes: Uint8Array, codes: Uint16Array): void;
}

export function bitPacking(bits: number): Packing {
  return {
    bits,
    bytes: (count) => packedBytes(count, bits),
    pack: (codes, bytes) => packBits(codes, 0, codes.length, bits, bytes, 0),
    unpack: (bytes, codes) => unpackBits(bytes, 0, codes.length, bits, codes),
  };
}

/** Any format of that form. */
export function scaledFormat(spec: ScaledSpec): NumberFormat | TensorFormat {
  const { element, group, scale, packing, ...facts } = spec;
  return groupFormat(
    { ...facts, range: rangeOf(element) },
    group,
    (n) => new ScaledCodec({ element, scale, packing }, n),
  );
}

/** A format with a scale per so many values of a row. */
export function scaledBlocks(spec: ScaledSpec & { readonly group: number }): NumberFormat {
  const { element, group, scale, packing, ...facts } = spec;
  return groupBlocks({ ...facts, range: rangeOf(element) }, new ScaledCodec({ element, scale, packing }, group));
}

/**
 *   0       s                        s + n·bits/8
 *   ├ scale ┼ n codes ───────────────┤   value = fround(scale·level(code))
 */
export class ScaledCodec implements GroupCodec {
  readonly group: number;
  /** Bytes of a group, its scale included. */
  readonly bytes: number;
  readonly #element: Element;
  readonly #scale: ScaleType;
  readonly #packing: Packing;
  /** @param start byte of the first group @param outer see `encode`. Absent where no kernel decodes the codes */
  readonly passes?: (start?: number, outer?: number) => readonly CodePass[];
  #made?: Uint16Array;

  constructor(
    { element, scale, packing }: { element: Element; scale: ScaleType; packing?: Packing | undefined },
    group: number,
  ) {
    this.group = group;
    this.#element = element;
    this.#scale = scale;
    this.#packing = packing ?? bitPacking(element.bits);
    this.bytes = scale.bytes + this.#packing.bytes(group);
    if (isServed(element, this.#packing)) this.passes = (start = 0, outer = 1) => [this.#pass(start, outer)];
  }

  #pass(start: number, outer: number): CodePass {
    const { group, bytes: stride } = this;
    const { bits = 8, byteCodes, upper } = this.#packing;
    const { floats } = this.#element;
    const scale = { type: this.#scale, at: 0 };
    const codesAt = this.#scale.bytes;
    return {
      ...{ group, start, stride, scale, outer, codesAt, bits, byteCodes },
      ...(upper && { upper: { bits: upper.bits, at: codesAt + upper.at(group) } }),
      ...(floats ? { floats } : { levels: levelsOf(this.#element) }),
    };
  }

  /** Room for a group's codes, made when needed: a group may be a whole tensor, and often only its bytes are asked for. */
  get #codes(): Uint16Array {
    this.#made ??= new Uint16Array(this.group);
    return this.#made;
  }

  /** @param outer what the stored scale is multiplied by: the scale of the tensor, where there is one */
  encode(
    values: Float32Array,
    importance: Float32Array | undefined,
    bytes: Uint8Array,
    backend: EncodeBackend,
    outer = 1,
  ): void {
    const search = { kind: 'levels', element: this.#element, type: this.#scale, outer } as const;
    let at = 0;
    searchGroups(search, this.group, values, importance, backend, (scale, _zero, codes) => {
      this.#store(scale, codes, bytes, at);
      at += this.bytes;
    });
  }

  #store(scale: number, codes: Uint16Array, bytes: Uint8Array, at: number): void {
    writeScale(this.#scale, scale, bytes, at);
    this.#packing.pack(codes, bytes.subarray(at + this.#scale.bytes, at + this.bytes));
  }

  /** Encodes under a given scale. */
  encodeWith(code: number, values: Float32Array, from: number, bytes: Uint8Array, at: number, outer = 1): void {
    levelCodes(this.#element, this.#scale, code, outer, values.subarray(from, from + this.group), this.#codes);
    this.#store(code, this.#codes, bytes, at);
  }

  decode(bytes: Uint8Array, at: number, values: Float32Array, from: number, outer = 1): void {
    const scale = Math.fround(outer * readScale(this.#scale, bytes, at));
    const codes = this.#codes;
    this.#packing.unpack(bytes.subarray(at + this.#scale.bytes, at + this.bytes), codes);
    for (let i = 0; i < this.group; i++) values[from + i] = scale * this.#element.value(codes[i]);
  }
}

/** Whether kernels can unpack the codes and look up their levels: tables have at most 256. */
function isServed(element: Element, packing: Packing): boolean {
  const isUnpacked = packing.bits !== undefined || packing.byteCodes !== undefined;
  return isUnpacked && (element.bits <= 8 || element.step !== undefined || element.floats !== undefined);
}

/**
 *   0        4
 *   ├ f32 S ─┼ groups ─────────────────┤   value = fround(fround(S·scale)·level(code))
 * Two levels: S makes the scales of the groups use their whole range, S = max|x| / (largest scale · largest level).
 * @see NVIDIA, "Pretraining Large Language Models with NVFP4", 2025, appendix C
 */
export function twoLevelTensor(
  spec: ScaledSpec & { readonly group: number; readonly largestScale: number },
): TensorFormat {
  const { name, group, element, largestScale, compressedTensors, onnx } = spec;
  const codec = new ScaledCodec(spec, group);
  return tensorFormat({
    name,
    block: `${group} in tensor`,
    range: rangeOf(element),
    ...(compressedTensors && { compressedTensors }),
    ...(onnx && { onnx }),
    multiple: group,
    storedBytes: (rows, columns) => SCALE_F32.bytes + (rows * columns * codec.bytes) / group,
    passes: (bytes) => codec.passes!(SCALE_F32.bytes, readScale(SCALE_F32, bytes, 0)),
    encode(values, _columns, bytes, importance, backend) {
      const exact = exactScales(element, spec.scale, group, values);
      const code = SCALE_F32.code(exact?.outer ?? largestFinite(values) / (largestScale * element.largest));
      const outer = SCALE_F32.value(code);
      writeScale(SCALE_F32, code, bytes, 0);
      if (exact)
        exact.codes.forEach((scale, g) => {
          codec.encodeWith(scale, values, g * group, bytes, SCALE_F32.bytes + g * codec.bytes, outer);
        });
      else codec.encode(values, importance, bytes.subarray(SCALE_F32.bytes), backend, outer);
    },
    decode(bytes, _columns, values) {
      const outer = readScale(SCALE_F32, bytes, 0);
      for (let i = 0, at = SCALE_F32.bytes; i < values.length; i += group, at += codec.bytes)
        codec.decode(bytes, at, values, i, outer);
    },
  });
}

export function largestFinite(values: Float32Array): number {
  let largest = 0;
  for (const value of values) if (Math.abs(value) < Infinity) largest = Math.max(largest, Math.abs(value));
  return largest;
}

/** The outermost levels: what the nearest level to ±Inf is. */
function rangeOf(element: Element): [number, number] {
  return [element.value(element.code(-Infinity)), element.value(element.code(Infinity))];
}
