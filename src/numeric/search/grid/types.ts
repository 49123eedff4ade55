import type { Levels } from './correlate.ts';

/**
 * What the blocks of a scalar grid search: one scale each, scale and minimum, those times integers of sub-blocks, or scales
 * out of a table.
 */
export type GridSearch = BlockScale | BlockAffine | SuperScale | SuperAffine | PowerScale | NearScale;

/** Scale search of symmetric grids, value = scale·level. */
export interface ScaleSearch {
  readonly levels: Levels;
  /**
   * Each start puts the largest |x| at a position of the level axis, of which this is the inverse. Found by greedy choice
   * on model weights: each next one lowers the mean error most. At most 16.
   */
  readonly starts: Float64Array;
}

/** Scale and minimum search of grids value = scale·code + minimum, code = 0 … maximum. */
export interface AffineSearch {
  /** Largest code. */
  readonly maximum: number;
  readonly levels: Levels;
  /**
   * Pairs: how many steps of the grid are cut off below the smallest and above the largest x (negative: left over).
   * Found by greedy choice on model weights: each next pair lowers the mean error most. At most 16.
   */
  readonly starts: Float64Array;
  /** Whether the minimum may be above 0; K types store −minimum without a sign. */
  readonly anySign: boolean;
}

interface SubBlocks {
  /** At most 16. */
  readonly subBlocks: number;
  /** Values per sub-block, even. */
  readonly subBlock: number;
}

/** A scale in binary16 per block: Q8_0, Q4_0, IQ4_NL. */
export interface BlockScale extends SubBlocks {
  readonly kind: 'scale';
  readonly search: ScaleSearch;
}

/** A scale and a minimum per block: Q4_1, Q5_1. */
export interface BlockAffine extends SubBlocks {
  readonly kind: 'affine';
  readonly search: AffineSearch;
}

/** A block of sub-blocks whose scales are d·integer, d in binary16: Q3_K, Q6_K, IQ4_XS. */
export interface SuperScale extends SubBlocks {
  readonly kind: 'superScale';
  /** Smallest and largest integer. */
  readonly lowest: number;
  readonly highest: number;
  readonly search: ScaleSearch;
  /** Integers tried exactly on each side of the one that the quadratic model prefers. */
  readonly reach: number;
}

/** A block of sub-blocks with scale d·a and minimum −dmin·b, a and b integers from 0: Q2_K, Q4_K, Q5_K. */
export interface SuperAffine extends SubBlocks {
  readonly kind: 'superAffine';
  /** Largest integer of a and of b. */
  readonly highest: number;
  readonly search: AffineSearch;
}

/** Sub-blocks whose scales are powers of two: MXFP4. */
export interface PowerScale extends SubBlocks {
  readonly kind: 'powerScale';
  /** Of every code, ascending; beyond the highest, as far as large values would need them. [at most 256] */
  readonly scales: Float64Array;
  /** Highest code. */
  readonly highest: number;
  /** Without starts. */
  readonly search: ScaleSearch;
  /** Codes tried below the one that reaches the largest |x|. */
  readonly reach: number;
}

/** Sub-blocks whose scales are those of a table: NVFP4. */
export interface NearScale extends SubBlocks {
  readonly kind: 'nearScale';
  /** Of every code, from 0 on, ascending. [at most 256] */
  readonly scales: Float64Array;
  readonly search: ScaleSearch;
  /** Codes tried on each side of the one nearest to the ideal scale. */
  readonly reach: number;
}

/** What a search found in consecutive blocks. */
export interface FoundScales {
  /** Scale, or what the integers of scales are multiplied with; as binary16 stores it but for `affine`. [blocks] */
  readonly d: Float64Array;
  /** Minimum (`affine`, not rounded), or dmin (`superAffine`, as binary16 stores it). [blocks] */
  readonly minimum: Float64Array;
  /** Integers or codes of scales, and integers of minimums. [blocks, subBlocks] */
  readonly a: Int32Array;
  readonly b: Int32Array;
}

/** Room for what a search finds in `blocks` blocks. */
export function foundScales({ subBlocks }: GridSearch, blocks: number): FoundScales {
  return {
    d: new Float64Array(blocks),
    minimum: new Float64Array(blocks),
    a: new Int32Array(blocks * subBlocks),
    b: new Int32Array(blocks * subBlocks),
  };
}

/** The searches of formats whose values are rounded one by one, in blocks. */
export interface GridSearches {
  /**
   * Scales that minimize Σ importance·(x − q)² in each block.
   * @param values [blocks, subBlocks · subBlock]
   * @param importance likewise, default all ones
   */
  searchScales(
    search: GridSearch,
    values: Float32Array,
    importance: Float32Array | undefined,
    found: FoundScales,
  ): void;

  /**
   * Code of the level nearest to each value. NaN counts as 0, ±Inf takes the outermost level; under a scale of 0 every
   * code decodes to the offset, and the one nearest to level 0 is taken.
   * @param nearest `nearestTable` of the levels
   * @param scale [values.length / subBlock]
   * @param offset [values.length / subBlock]
   * @param codes [values.length] out
   */
  nearestCodes(
    nearest: Uint8Array,
    subBlock: number,
    values: Float32Array,
    scale: Float32Array,
    offset: Float32Array,
    codes: Uint8Array,
  ): void;
}
