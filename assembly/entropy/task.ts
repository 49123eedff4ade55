/** What a stream looks like, as src/kernels/wasm/entropy.ts lays `RansTask` of src/numeric/entropy/types.ts out. */
@unmanaged export class Task {
  rows: i32;
  columns: i32;
  symbols: i32;
  rowsOfSegment: i32;
  segments: i32;
  /** 1 or 8 */
  lanes: i32;
  /** u32 [rows] and [columns]: a symbol's table is their sum */
  tableOfRow: usize;
  tableOfColumn: usize;
}

/** Frequencies of a table sum to 2^14. */
export const TOTAL_BITS: i32 = 14;
export const SLOTS: u32 = 1 << 14;
/** States are this or more. */
export const LOWEST: u32 = 1 << 16;
export const LANES: i32 = 8;
