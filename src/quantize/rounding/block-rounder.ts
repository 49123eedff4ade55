import type { Kernels } from '../../kernels/contract.ts';
import { GROUP } from '../../numeric/search/points.ts';
import type { NumberFormat } from '../../numeric/types.ts';
import { PointRounder } from './point-rounder.ts';
import { ScalarRounder } from './scalar-rounder.ts';

/** How the columns of one block are rounded: their order and how errors of earlier ones move the targets of later ones. */
export interface BlockPlan {
  /** Which block of the row. */
  readonly block: number;
  /** Column within the block at each place of the rounding order; what is rounded together stays together. [blockSize] */
  readonly order: Int32Array;
  /** Unit upper triangular, rounding order: column j aims at its target plus Σ_{i<j} e_i·u[i,j]. [blockSize, blockSize] */
  readonly u: Float32Array;
  /** Weight of a squared error in the search for scales, rounding order. [blockSize] */
  readonly importance: Float32Array;
}

/**
 * Rounds one block of many rows: the format's scales are searched on the targets, then its columns are rounded one after
 * the other with feedback. Its arrays live in the kernel scope it is made in; all but `blocks` are in rounding order.
 */
export interface BlockRounder {
  /** What the errors are counted from; filled by the caller. [rows, blockSize] */
  readonly weight: Float32Array;
  /** What the block aims at; filled by the caller, moved by feedback inside the block. [rows, blockSize] */
  readonly target: Float32Array;
  /** weight − value. [rows, blockSize] */
  readonly error: Float32Array;
  /** The rows' packed blocks. [rows, blockBytes] */
  readonly blocks: Uint8Array;
  /** From `weight` and `target` to `blocks` and `error`. */
  round(plan: BlockPlan): void;
}

/** Consecutive columns that the format rounds in one step; 0 when it knows no feedback. */
export function roundedTogether({ grid, points }: NumberFormat): number {
  return grid ? 1 : points ? GROUP : 0;
}

/** A rounder for `rows` rows of a format that knows feedback. */
export function blockRounder(kernels: Kernels, format: NumberFormat, rows: number): BlockRounder {
  if (format.grid) return new ScalarRounder(kernels, format, format.grid, rows);
  return new PointRounder(kernels, format, format.points!, rows);
}
