import type { TableRounding } from '../../numeric/elements.ts';

/**
 * A table of levels as kernels look it up: magnitudes fall into cells by the upper bits of their float64, so fine that at
 * most one boundary between levels lies in a cell of either sign. Records of magnitudes ascend, each of 0 and more before
 * that of less than 0 (−0 among them):
 *   0           8                     16                    24               26               32
 *   ├ boundary ─┼ level up to there ──┼ level above it ─────┼ their code u16 ┼ that one's u16 ┼ … ┤
 */
export interface Cells {
  readonly records: ArrayBuffer;
  /** Lower bits of a magnitude that do not tell cells apart. */
  readonly shift: number;
  /** What magnitudes are clamped to: starts of the first and the last cell. */
  readonly least: number;
  readonly most: number;
}

const RECORD_BYTES = 32;
const MANTISSA_BITS = 52;
/** Bits of mantissa that number cells, at most. */
const MOST_BITS = 12;

const number = new Float64Array(1);
const bits = new BigUint64Array(number.buffer);

/** Number of the cell that a magnitude lies in. */
function cellOf(magnitude: number, shift: number): number {
  number[0] = magnitude;
  return Number(bits[0] >> BigInt(shift));
}

/** Smallest magnitude of a cell. */
function startOf(cell: number, shift: number): number {
  bits[0] = BigInt(cell) << BigInt(shift);
  return number[0];
}

/** The largest number below. */
function before(value: number): number {
  if (value === 0) return -Number.MIN_VALUE;
  number[0] = value;
  bits[0] += value > 0 ? -1n : 1n;
  return number[0];
}

/** Cells as coarse as these levels allow. @throws RangeError where none are fine enough */
export function cellsOf(rounding: TableRounding): Cells {
  const { codes, middles } = rounding;
  // a value above the boundary takes the upper level: at the midpoint itself the even code decides
  const boundaries = middles.map((middle, i) => ((codes[i] & 1) === 1 ? before(middle) : middle));
  for (let wanted = 0; wanted <= MOST_BITS; wanted++) {
    const found = tryCells(rounding, boundaries, MANTISSA_BITS - wanted);
    if (found !== undefined) return found;
  }
  throw new RangeError(`${codes.length} levels lie too close for cells of ${MOST_BITS} bits`);
}

function tryCells(rounding: TableRounding, boundaries: Float64Array, shift: number): Cells | undefined {
  const magnitudes = rounding.middles.map(Math.abs).filter((magnitude) => magnitude > 0);
  const smallest = magnitudes.length > 0 ? Math.min(...magnitudes) : 1;
  const largest = magnitudes.length > 0 ? Math.max(...magnitudes) : 1;
  // the first cell, from 0 on, has a boundary at 0 to itself; the last one has none
  const first = cellOf(smallest / 2, shift);
  const last = cellOf(largest, shift) + 1;
  const records = new DataView(new ArrayBuffer(2 * (last - first + 1) * RECORD_BYTES));
  const indexOf = (value: number): number => {
    const above = boundaries.findIndex((boundary) => !(boundary < value));
    return above < 0 ? boundaries.length : above;
  };
  for (let cell = first; cell <= last; cell++) {
    const low = cell === first ? 0 : startOf(cell, shift);
    const high = cell === last ? Infinity : before(startOf(cell + 1, shift));
    const at = 2 * (cell - first) * RECORD_BYTES;
    for (const [place, from, to] of [
      [at, low, high],
      [at + RECORD_BYTES, -high, -low],
    ]) {
      const below = indexOf(from);
      const above = indexOf(to);
      if (above > below + 1) return undefined;
      records.setFloat64(place, above > below ? boundaries[below] : Infinity, true);
      for (const [i, index] of [below, above].entries()) {
        records.setFloat64(place + 8 + 8 * i, rounding.levels[index], true);
        records.setUint16(place + 24 + 2 * i, codeOf(rounding, index, place > at), true);
      }
    }
  }
  return { records: records.buffer, shift, least: startOf(first, shift), most: startOf(last, shift) };
}

function codeOf({ levels, codes, negativeZero }: TableRounding, index: number, isNegative: boolean): number {
  return isNegative && levels[index] === 0 && negativeZero !== undefined ? negativeZero : codes[index];
}
