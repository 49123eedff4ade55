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
  /** Whether products are added to what is there. */
  adds: i32;
  /** Bytes of the scale, 0 for none; 3 for a bfloat16. */
  scaleBytes: i32;
  scaleAt: i32;
  zeroAt: i32;
  /** Codes of a byte, 0 when codes are fields of bits. */
  perByte: i32;
  /** Levels of the table. */
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
}

/** level = step·code, codes in two's complement */
export const INTEGERS: i32 = 0;
/** level = code − zero */
export const ZERO_POINT: i32 = 1;
/** level = levels[code] */
export const TABLE: i32 = 2;
