import { packBits, unpackBits } from '../bits.ts';
import { tableElement } from '../elements.ts';
import { readScale, SCALE_F16, writeScale } from '../scales.ts';
import { tensorFormat } from '../tensor.ts';

/**
 *   ├ rows × f16 r ┼ columns × f16 c ┼ codes of 4 bits ┤   value = min(r_i, c_j)·(±k/8), k = 1 … 8
 * Rank-1 normalization: an outlier coarsens only its own row or column, whichever is smaller. The linear levels have no
 * 0, so that nothing that is divided by becomes 0; where r or c is 0, the value is.
 * @see Li et al., "Memory Efficient Optimizers with 4-bit States", NeurIPS 2023, sections 4.1 and 4.2
 */
const element = tableElement(
  Float64Array.from({ length: 16 }, (_, code) => (code < 8 ? (code + 1) / 8 : (7 - code) / 8)),
);

/** Normalizers below half of the smallest binary16 are 0. */
const HALF_SMALLEST = 2 ** -25;

export const RANK1_LINEAR4 = tensorFormat({
  name: 'RANK1_LINEAR4',
  block: 'row + column',
  range: [-1, 1],
  storedBytes: (rows, columns) => 2 * (rows + columns) + Math.ceil((rows * columns) / 2),
  encode(values, columns, bytes) {
    const rows = values.length / columns;
    const largest = new Float64Array(rows + columns);
    values.forEach((value, i) => {
      const magnitude = Number.isFinite(value) ? Math.abs(value) : 0;
      const row = Math.floor(i / columns);
      const column = rows + (i % columns);
      largest[row] = Math.max(largest[row], magnitude);
      largest[column] = Math.max(largest[column], magnitude);
    });
    largest.forEach((value, i) => {
      writeScale(SCALE_F16, SCALE_F16.code(value < HALF_SMALLEST ? 0 : value), bytes, 2 * i);
    });
    const codes = Uint8Array.from(values, (value, i) => {
      const scale = normalizer(bytes, rows, columns, i);
      return element.code(scale === 0 ? 0 : value / scale);
    });
    packBits(codes, 0, codes.length, 4, bytes, 2 * (rows + columns));
  },
  decode(bytes, columns, values) {
    const rows = values.length / columns;
    const codes = new Uint8Array(values.length);
    unpackBits(bytes, 2 * (rows + columns), codes.length, 4, codes);
    codes.forEach((code, i) => {
      values[i] = normalizer(bytes, rows, columns, i) * element.value(code);
    });
  },
});

/** min(r_i, c_j) of value i, as stored. */
function normalizer(bytes: Uint8Array, rows: number, columns: number, i: number): number {
  const row = readScale(SCALE_F16, bytes, 2 * Math.floor(i / columns));
  return Math.min(row, readScale(SCALE_F16, bytes, 2 * (rows + (i % columns))));
}
