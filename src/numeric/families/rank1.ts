import { decodeF16, encodeF16 } from '../../core/float16.ts';
import { packedBytes, unpackBits } from '../bits.ts';
import { tableElement } from '../elements.ts';
import { VALUES_TOGETHER } from '../groups.ts';
import { nearestTable } from '../levels.ts';
import { levelsOf } from '../passes.ts';
import { readScale, SCALE_F16 } from '../scales.ts';
import { tensorFormat } from '../tensor.ts';

/**
 *   ├ columns × f16 c ┼ per row: f16 r, codes of 4 bits ┤   value = min(r_i, c_j)·(±k/8), k = 1 … 8
 * Rank-1 normalization: an outlier coarsens only its own row or column, whichever is smaller. The linear levels have no
 * 0, so that nothing that is divided by becomes 0; where r or c is 0, the value is.
 * @see Li et al., "Memory Efficient Optimizers with 4-bit States", NeurIPS 2023, sections 4.1 and 4.2
 */
const STEPS = 8;
/** The levels times `STEPS`, ascending as codes do. */
const integers = Float32Array.from({ length: 2 * STEPS }, (_, code) =>
  code < STEPS ? code - STEPS : code - STEPS + 1,
);
const element = tableElement(Float64Array.from(integers, (level) => level / STEPS));
const nearest = nearestTable(integers);

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
  encode(values, columns, bytes, _importance, backend) {
    const largest = largestOf(values, columns);
    const ofColumn = storedNormalizers(largest.ofColumn);
    const ofRow = storedNormalizers(largest.ofRow);
    const codes = new Uint8Array(values.length);
    const together = Math.min(ofRow.length, Math.max(1, Math.floor(VALUES_TOGETHER / columns)));
    const steps = new Float32Array(together * columns);
    const zeros = new Float32Array(steps.length);
    for (let first = 0; first < ofRow.length; first += together) {
      const rows = Math.min(together, ofRow.length - first);
      for (let i = 0, at = 0; i < rows; i++)
        for (let j = 0; j < columns; j++, at++) steps[at] = Math.min(ofRow[first + i], ofColumn[j]) / STEPS;
      const [from, end] = [first * columns, (first + rows) * columns];
      const part = steps.subarray(0, end - from);
      backend.nearestCodes(nearest, 1, values.subarray(from, end), part, zeros, codes.subarray(from, end));
    }
    const start = SCALE_F16.bytes * columns;
    encodeF16(ofColumn, bytes.subarray(0, start));
    const headers = new Uint8Array(SCALE_F16.bytes * ofRow.length);
    encodeF16(ofRow, headers);
    const units = { count: ofRow.length, headerBytes: SCALE_F16.bytes, bits: element.bits, codes: columns };
    backend.entropy.joinUnits(units, headers, codes, bytes.subarray(start));
  },
  decode(bytes, columns, values) {
    const ofColumn = columnNormalizers(bytes, columns);
    const codes = new Uint8Array(columns);
    for (let from = 0, at = SCALE_F16.bytes * columns; from < values.length; from += columns, at += rowBytes(columns)) {
      const ofRow = readScale(SCALE_F16, bytes, at);
      unpackBits(bytes, at + SCALE_F16.bytes, columns, element.bits, codes);
      for (let j = 0; j < columns; j++) values[from + j] = Math.min(ofRow, ofColumn[j]) * element.value(codes[j]);
    }
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

/** As they are stored. */
function storedNormalizers(largest: Float64Array): Float32Array {
  return Float32Array.from(largest, (value) => SCALE_F16.value(SCALE_F16.code(value < HALF_SMALLEST ? 0 : value)));
}

function columnNormalizers(bytes: Uint8Array, columns: number): Float32Array {
  const normalizers = new Float32Array(columns);
  decodeF16(bytes.subarray(0, SCALE_F16.bytes * columns), normalizers);
  return normalizers;
}
