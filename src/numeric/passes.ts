import type { Element, Floats } from './elements.ts';
import type { SignedPatterns } from './patterns.ts';
import type { ScaleType } from './scales.ts';

/**
 * A format as a kernel can decode it: equal groups of codes one after the other,
 *     value = fround(fround(outer·scale)·level), or the sum of that over planes.
 */
export interface CodePass {
  /** Values of a group, which share a scale; the last group ends with the tensor. */
  readonly group: number;
  /** Byte of the first group. */
  readonly start: number;
  /** Bytes from one group to the next. */
  readonly stride: number;
  /** The stored scale and its byte in the group; default 1. */
  readonly scale?: { readonly type: ScaleType; readonly at: number };
  /** A float32 that multiplies every scale; default 1. */
  readonly outer?: number;
  /** Byte in the group at which codes start. */
  readonly codesAt: number;
  /** Bits of a code, 1 to 16, the first in the lowest; 8 where a byte stands for several. */
  readonly bits: number;
  /** With `byteCodes`: upper bits of fields, in a plane of their own from byte `at` of the group on; the lower ones are `bits`. */
  readonly upper?: { readonly at: number; readonly bits: number };
  readonly byteCodes?: ByteCodes;
  readonly windows?: Windows;
  readonly words?: Words;
  readonly floats?: Floats;
  /** Level of every code, where none of `zeroAt`, `words` and `floats` is given. */
  readonly levels?: Float64Array;
  /** Byte in the group of an integer z: level = code − z. */
  readonly zeroAt?: number;
  readonly planes?: Planes;
  /** [group] A value's scale is the smaller of its group's and this one. */
  readonly columnScales?: Float32Array;
  /** Where a group is some columns of a row: those, [group], and values of a row. Default: groups follow each other. */
  readonly columns?: { readonly of: number; readonly places: Uint32Array };
}

/** Several codes of a value, each under its own scale: products are added up in float32, from 0 on and in their order. */
export interface Planes {
  readonly count: number;
  /** Bytes of a group's codes from one plane to the next; scales follow each other. All sums of levels are at most 16. */
  readonly bytes: number;
}

/** Codes that overlap: each is the `bits` bits that end with a value's own bits. */
export interface Windows {
  /** Own bits of four values, repeating. */
  readonly steps: readonly number[];
  /** Values of a block, before whose first bits its last ones stand; the last block of a group may be shorter. */
  readonly block: number;
}

/** Several values together: levels = the sum of a word of every stage, in float32, from 0 on and in their order. */
export interface Words {
  /** Values of a word: 4 or 8. */
  readonly size: number;
  /** Whether words are the same arrays in every tensor, so that backends may keep them. */
  readonly isFixed: boolean;
  readonly stages: readonly WordStage[];
}

/** Words by a list of them, or by patterns. */
export interface WordStage {
  /** Byte in the group of the first code. */
  readonly codesAt: number;
  /** Bytes from one code to the next. */
  readonly step: number;
  /** Of one byte. [256, size] */
  readonly words?: Float32Array;
  /** Of two bytes. */
  readonly patterns?: SignedPatterns;
}

/** Passes over a tensor's bytes that decode it to what its `decode` gives, bit for bit. */
export type Passes = (bytes: Uint8Array, columns: number, length: number) => readonly CodePass[];

/** Several codes in a byte, or in a field of bits and its upper ones, that are no fields themselves. */
export interface ByteCodes {
  /** Codes of each, at most 8. */
  readonly count: number;
  /** [256, 8], the first `count` of each are codes */
  readonly codes: Uint8Array;
}

/** @param unpack writes the codes of a packed byte */
export function byteCodes(count: number, unpack: (bytes: Uint8Array, codes: Uint16Array) => void): ByteCodes {
  const codes = new Uint8Array(256 * 8);
  const some = new Uint16Array(count);
  for (let byte = 0; byte < 256; byte++) {
    unpack(Uint8Array.of(byte), some);
    codes.set(some, 8 * byte);
  }
  return { count, codes };
}

const known = new WeakMap<Element, Float64Array>();

/** [2^bits] level of every code */
export function levelsOf(element: Element): Float64Array {
  const levels =
    known.get(element) ?? Float64Array.from({ length: 2 ** element.bits }, (_, code) => element.value(code));
  known.set(element, levels);
  return levels;
}

/** Values that are levels by themselves, without a scale. */
export function barePass(bits: number, levels: ArrayLike<number>): Passes {
  const all = Float64Array.from(levels);
  return (bytes, _columns, length) => [
    { group: length, start: 0, stride: bytes.length, codesAt: 0, bits, levels: all },
  ];
}
