import { decodeF16 } from '../../core/float16.ts';
import { packBits, packedBytes, unpackBits } from '../bits.ts';
import { tableElement } from '../elements.ts';
import { levelsOf } from '../passes.ts';
import { readScale, SCALE_F16, writeScale } from '../scales.ts';
import { tensorFormat } from '../tensor.ts';

/**
 *   ├ columns × f16 c ┼ per row: f16 r, codes of 4 bits ┤   value = min(r_i, c_j)·(±k/8), k = 1 … 8
 * Rank-1 normalization: an outlier coarsens only its own row or column, whichever is smaller. The linear levels have no
 * 0, so that nothing that is divided by becomes 0; where r or c is 0, the value is.
 * @see Li et al., "Memory Efficient Optimizers with 4-bit States", NeurIPS 2023, sections 4.1 and 4.2
 */
const element = tableElement(
  Float64Array.from({ length: 16 }, (_, code) => (code < 8 ? (code + 1) / 8 : (7 - code) / 8)),
);

/** Normalizers below half of the smallest binary16 are 0. */
const HALF_SMALLEST = 2 ** -25;

/** Bytes of a row: its normalizer and its codes. */
const rowBytes = (columns: number): number => SCALE_F16.bytes + packedBytes(columns, element.bits);

export const RANK1_LINEAR4 = tensorFormat({
  name: 'RANK1_LINEAR4',
  block: 'row + column',
  range: [-1, 1],
  storedBytes: (rows, columns) => SCALE_F16.bytes * columns + rows * rowBytes(columns),
  passes: (bytes, columns) => [
    {
      ...{ group: columns, start: SCALE_F16.bytes * columns, stride: rowBytes(columns) },
      ...{ scale: { type: SCALE_F16, at: 0 }, codesAt: SCALE_F16.bytes, bits: element.bits, levels: levelsOf(element) },
      columnScales: columnNormalizers(bytes, columns),
    },
  ],
  encode(values, columns, bytes) {
    const largest = largestOf(values, columns);
    const write = (value: number, at: number) =>
      writeScale(SCALE_F16, SCALE_F16.code(value < HALF_SMALLEST ? 0 : value), bytes, at);
    largest.ofColumn.forEach((value, j) => {
      write(value, SCALE_F16.bytes * j);
    });
    largest.ofRow.forEach((value, i) => {
      write(value, rowAt(i, columns));
    });
    const codes = new Uint8Array(columns);
    forRows(bytes, columns, values.length, (at, scales, from) => {
      scales.forEach((scale, j) => {
        codes[j] = element.code(scale === 0 ? 0 : values[from + j] / scale);
      });
      packBits(codes, 0, columns, element.bits, bytes, at);
    });
  },
  decode(bytes, columns, values) {
    const codes = new Uint8Array(columns);
    forRows(bytes, columns, values.length, (at, scales, from) => {
      unpackBits(bytes, at, columns, element.bits, codes);
      scales.forEach((scale, j) => {
        values[from + j] = scale * element.value(codes[j]);
      });
    });
  },
});

/** Largest finite magnitude of every row and column. */
function largestOf(values: Float32Array, columns: number) {
  const ofRow = new Float64Array(values.length / columns);
  const ofColumn = new Float64Array(columns);
  for (let i = 0, at = 0; i < ofRow.length; i++) {
    for (let j = 0; j < columns; j++, at++) {
      const magnitude = Number.isFinite(values[at]) ? Math.abs(values[at]) : 0;
      ofRow[i] = Math.max(ofRow[i], magnitude);
      ofColumn[j] = Math.max(ofColumn[j], magnitude);
    }
  }
  return { ofRow, ofColumn };
}

function rowAt(row: number, columns: number): number {
  return SCALE_F16.bytes * columns + row * rowBytes(columns);
}

function columnNormalizers(bytes: Uint8Array, columns: number): Float32Array {
  const normalizers = new Float32Array(columns);
  decodeF16(bytes.subarray(0, SCALE_F16.bytes * columns), normalizers);
  return normalizers;
}

/** Visits rows: byte of their codes, min(r_i, c_j) of their values as stored, and the first value's index. */
function forRows(
  bytes: Uint8Array,
  columns: number,
  length: number,
  visit: (at: number, scales: Float32Array, from: number) => void,
): void {
  const ofColumn = columnNormalizers(bytes, columns);
  for (let from = 0, row = 0; from < length; from += columns, row++) {
    const ofRow = readScale(SCALE_F16, bytes, rowAt(row, columns));
    visit(
      rowAt(row, columns) + SCALE_F16.bytes,
      ofColumn.map((scale) => Math.min(ofRow, scale)),
      from,
    );
  }
}
