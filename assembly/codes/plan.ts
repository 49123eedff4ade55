/*
 * What `decodeCodes` is told, filled in by src/kernels/wasm/decode.ts in this order, 4 bytes each. Meanings are those of
 * `CodePass` in src/numeric/passes.ts.
 */
@unmanaged export class Plan {
  group: i32;
  stride: i32;
  codesAt: i32;
  bits: i32;
  /** One of those below. */
  kind: i32;
  /** Planes of codes whose products are added up, 0 where there is one code a value. */
  planes: i32;
  /** Bytes of the scale, 0 for none; 3 for a bfloat16. */
  scaleBytes: i32;
  scaleAt: i32;
  zeroAt: i32;
  /** Codes of a byte, 0 when codes are fields of bits. */
  perByte: i32;
  /** Levels of the table; values of a word. */
  size: i32;
  /** Whether all levels are float32: scale·level is then one product of float32. */
  exact: i32;
  outer: f32;
  /** Level of the code 1 of integers. */
  step: f32;
  /** f32 [256], the scales of one byte */
  scales: usize;
  /** f64 [size] */
  levels: usize;
  /** u8 [256, 8] */
  byteCodes: usize;
  /** Bits from window to window, for four windows a byte each, repeating. */
  steps: u32;
  /** Values of a circular block of windows. */
  block: i32;
  /** Stages of words. */
  stages: i32;
  /** Bytes of a group's codes in a plane. */
  planeBytes: i32;
  /** Components of a sum of floats. */
  components: i32;
  /** Bits of codes above the lower ones, 0 for none, and the byte in the group of the first. */
  upperBits: i32;
  upperAt: i32;
  /** Values of a row of which a group holds some columns; 0 where groups follow each other. */
  width: i32;
  /** u32 [group], the columns that a group holds */
  columns: usize;
  /** f32 [group], scales of columns, or 0 */
  columnScales: usize;
}

/** level = step·code, codes in two's complement */
export const INTEGERS: i32 = 0;
/** level = code − zero */
export const ZERO_POINT: i32 = 1;
/** level = levels[code] */
export const TABLE: i32 = 2;
/** level = levels[window], levels being f32 */
export const WINDOWS: i32 = 3;
/** Levels that a table of four vectors holds. */
export const FEW: i32 = 16;
/** `size` values together: level = the sum of the words of all stages, f32 */
export const WORDS: i32 = 4;
/** level = the sum of `components` bfloat16, no scale */
export const BFLOATS: i32 = 5;
/** level = a binary16 below 2 whose bit 14 is a copy of the sign */
export const DOUBLE_SIGNED: i32 = 6;

/** A stage of WORDS; `levels` is the address of the first, the others follow. */
@unmanaged export class Stage {
  /** Byte in the group of its first code, and bytes from code to code. */
  codesAt: i32;
  step: i32;
  /** Whether points are by patterns (codes of two bytes), or words of a list (one byte). */
  arePatterns: i32;
  /** Record of patterns, or words f32 [256, size]. */
  record: usize;
}
