import type { FloatGrid, Minifloat } from '../core/minifloat.ts';

/** Levels that are 16-bit floats. */
export type Floats =
  /** Sums of consecutive bfloat16, in float64, the last first. No scale. */
  | { readonly type: 'bfloat16'; readonly components: 2 | 3 }
  /** A binary16 below 2 whose bit 14 is a copy of the sign; 0 where the two differ. */
  | { readonly type: 'double-signed binary16' };

/** The number that a group's codes stand for before its scale: a code of `bits` bits ↔ a level. */
export interface Element {
  readonly bits: number;
  /** Largest magnitude. */
  readonly largest: number;
  /** Whether 0 is a level; where it is not, a scale of 0 stands for it. */
  readonly hasZero: boolean;
  /** What levels are multiples of, where they are the integers of two's complement times this. */
  readonly step?: number;
  /** What levels are, where they are floats themselves. */
  readonly floats?: Floats;
  /** Positive levels on which the scale search puts the largest magnitude of a group. */
  readonly tops: readonly number[];
  /** Code of the nearest level, ties to the even code: NaN takes the level nearest to 0, ±Inf the outermost. */
  code(value: number): number;
  /** Level of a code. */
  value(code: number): number;
  /** What `code` does, as data: kernels do the same by it. */
  readonly rounding: ElementRounding;
}

export type ElementRounding = IntegerRounding | FloatRounding | TableRounding;

/** To integers, ties to the even one, times `step`, a power of two; codes are in two's complement. */
interface IntegerRounding {
  readonly kind: 'integers';
  readonly low: number;
  readonly high: number;
  readonly step: number;
}

/** To a float, ties to the even code. */
interface FloatRounding {
  readonly kind: 'float';
  /** At least one bit of mantissa, so that the even code is that of the even mantissa. */
  readonly grid: FloatGrid;
  /** What a minus sets in a code. */
  readonly negative: number;
  readonly hasNegativeZero: boolean;
}

/** To levels out of a table, ties to the even code. */
export interface TableRounding {
  readonly kind: 'table';
  /** Ascending, and their codes. */
  readonly levels: Float64Array;
  readonly codes: Uint16Array;
  /** Between one level and the next. */
  readonly middles: Float64Array;
  /** Code of what rounds to 0 and has a minus, where it has one of its own. */
  readonly negativeZero?: number;
}

/** Levels above this share of the largest may carry a group's largest magnitude. */
const TOP_SHARE = 0.4;
const MOST_TOPS = 9;

/** The outermost levels and some further in: where few values would be lost by a finer or coarser step. */
function topsOf(magnitudes: readonly number[]): number[] {
  const largest = magnitudes[magnitudes.length - 1];
  const high = magnitudes.filter((level) => level >= TOP_SHARE * largest);
  if (high.length <= MOST_TOPS) return high.reverse();
  const outer = high.slice(-4).reverse();
  const step = (high.length - 5) / (MOST_TOPS - outer.length);
  return [...outer, ...Array.from({ length: MOST_TOPS - outer.length }, (_, i) => high[Math.floor(step * i)])];
}

/** Integers low … high in two's complement of `bits` bits, times `step`. */
export function integerElement(bits: number, low: number, high: number, step = 1): Element {
  const mask = 2 ** bits - 1;
  const largest = Math.max(high, -low);
  const top = Math.ceil(TOP_SHARE * largest);
  return {
    bits,
    step,
    largest: largest * step,
    hasZero: true,
    tops: topsOf(Array.from({ length: largest - top + 1 }, (_, i) => step * (top + i))),
    code(value) {
      if (Number.isNaN(value)) return 0;
      const position = value / step;
      const floor = Math.floor(position);
      const rest = position - floor;
      const nearest = rest > 0.5 || (rest === 0.5 && (floor & 1) !== 0) ? floor + 1 : floor;
      return Math.min(Math.max(nearest, low), high) & mask;
    },
    value: (code) => step * (code > mask >> 1 ? code - mask - 1 : code),
    rounding: { kind: 'integers', low, high, step },
  };
}

/** Levels out of a table. @param values [2^bits] level of every code; NaN = a code that is never written */
export function tableElement(values: ArrayLike<number>): Element {
  const bits = Math.log2(values.length);
  const order = Array.from({ length: values.length }, (_, code) => code)
    .filter((code) => Number.isFinite(values[code]))
    .sort((a, b) => values[a] - values[b] || a - b)
    .filter((code, i, all) => i === 0 || values[code] !== values[all[i - 1]]);
  const levels = Float64Array.from(order, (code) => values[code]);
  const codes = Uint16Array.from(order);
  const middles = Float64Array.from({ length: levels.length - 1 }, (_, i) => (levels[i] + levels[i + 1]) / 2);
  const zero = codes[nearestIndex(middles, codes, 0)];
  const magnitudes = [...new Set([...levels].map(Math.abs))].filter((level) => level > 0).sort((a, b) => a - b);
  return {
    bits,
    largest: magnitudes[magnitudes.length - 1],
    hasZero: levels.includes(0),
    tops: topsOf(magnitudes),
    code: (value) => (Number.isNaN(value) ? zero : codes[nearestIndex(middles, codes, value)]),
    value: (code) => values[code],
    rounding: { kind: 'table', levels, codes, middles },
  };
}

/** A minifloat with a sign as element: its Inf and NaN codes are never written. */
export function minifloatElement(float: Minifloat): Element {
  const { rounding: table, ...rest } = tableElement(float.values);
  const negative = 2 ** (float.bits - 1);
  const hasNegativeZero = float.spec.specials !== 'fnuz';
  const rounding: ElementRounding =
    float.spec.mantissaBits > 0
      ? { kind: 'float', grid: float.grid, negative, hasNegativeZero }
      : { ...(table as TableRounding), ...(hasNegativeZero && { negativeZero: negative }) };
  return { ...rest, code: (value) => float.saturate(value), rounding };
}

/** Index of the level nearest to `value`: the number of midpoints below it, a tie goes to the even code. */
function nearestIndex(middles: Float64Array, codes: Uint16Array, value: number): number {
  let low = 0;
  let high = middles.length;
  while (low < high) {
    const middle = (low + high) >> 1;
    if (middles[middle] < value) low = middle + 1;
    else high = middle;
  }
  const isTie = low < middles.length && middles[low] === value;
  return isTie && (codes[low] & 1) === 1 ? low + 1 : low;
}
