import { format, isBlocked } from '../numeric/table.ts';
import type { NumberFormat, TensorFormat } from '../numeric/types.ts';
import type { PackedMatrix } from './contract.ts';

/** Formats of which every value is a float of its own; products with them take the activations as they are. */
const FLOATS = ['F32', 'F16', 'BF16'];
/** Formats that products meet with activations rounded to int8 per 32 values. */
const INTEGERS = [
  ...['Q8_0', 'Q6_K', 'Q5_K', 'Q5_1', 'Q5_0', 'Q4_K', 'Q4_1', 'Q4_0'],
  ...['IQ4_NL', 'IQ4_XS', 'MXFP4', 'NVFP4', 'Q3_K', 'Q2_K', 'Q2_0', 'Q1_0'],
  ...['IQ3_S', 'IQ3_XXS', 'IQ2_S', 'IQ2_XS', 'IQ2_XXS', 'IQ1_M', 'IQ1_S', 'TQ2_0', 'TQ1_0'],
];

/** Formats that `matmulPacked` computes straight from their blocks, on every backend. */
export const packedFormats: readonly string[] = [...FLOATS, ...INTEGERS];

export function roundsActivations(formatName: string): boolean {
  return INTEGERS.includes(formatName);
}

/**
 * Throws unless the arrays of a product (or look-up) have the lengths that its sizes ask for.
 * @param m rows of x and y
 */
export function checkPacked(w: PackedMatrix, m: number, y: Float32Array, x?: Float32Array): void {
  const { blockSize, blockBytes } = format(w.format);
  const bytes = (w.rows * w.columns * blockBytes) / blockSize;
  const width = x ? w.rows : w.columns;
  if (w.columns % blockSize !== 0) throw shapeError(w, `columns are not a multiple of ${blockSize}`);
  if (w.blocks.length !== bytes) throw shapeError(w, `${w.blocks.length} bytes found, ${bytes} expected`);
  if (x && x.length < m * w.columns) {
    throw shapeError(w, `x holds ${x.length} values, ${m} rows of ${w.columns} expected`);
  }
  if (y.length < m * width) throw shapeError(w, `y holds ${y.length} values, ${m} rows of ${width} expected`);
}

function shapeError(w: PackedMatrix, what: string): RangeError {
  return new RangeError(`${w.format} matrix of ${w.rows} x ${w.columns}: ${what}`);
}

/** Throws unless `bytes` are those of whole rows that fill `values`. */
export function checkDecode(
  format: NumberFormat | TensorFormat,
  bytes: Uint8Array,
  columns: number,
  values: Float32Array,
): void {
  const rows = values.length / columns;
  const isWhole = Number.isInteger(rows) && (!isBlocked(format) || columns % format.blockSize === 0);
  if (!isWhole) throw new RangeError(`${format.name}: ${values.length} values are not whole rows of ${columns}`);
  const expected = isBlocked(format)
    ? (values.length / format.blockSize) * format.blockBytes
    : format.storedBytes(rows, columns);
  if (bytes.length !== expected && !('isVariable' in format && format.isVariable))
    throw new RangeError(`${format.name}: ${bytes.length} bytes for ${values.length} values, expected ${expected}`);
}

/** Decodes rows `ids` of w into y [ids, columns]. */
export function gatherRows(
  w: PackedMatrix,
  ids: Int32Array,
  y: Float32Array,
  decodeBlocks: (blocks: Uint8Array, values: Float32Array) => void = format(w.format).decodeBlocks,
): void {
  checkPacked(w, ids.length, y);
  const stride = w.blocks.length / w.rows;
  ids.forEach((id, i) => {
    if (id < 0 || id >= w.rows) throw new RangeError(`${w.format} matrix of ${w.rows} rows has no row ${id}`);
    const row = w.blocks.subarray(id * stride, (id + 1) * stride);
    decodeBlocks(row, y.subarray(i * w.columns, (i + 1) * w.columns));
  });
}
