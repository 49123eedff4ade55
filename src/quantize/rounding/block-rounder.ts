import type { Kernels } from '../../kernels/contract.ts';
import type { NumberFormat } from '../../numeric/types.ts';

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
export abstract class BlockRounder {
  /** What the errors are counted from; filled by the caller. [rows, blockSize] */
  readonly weight: Float32Array;
  /** What the block aims at; filled by the caller, moved by feedback inside the block. [rows, blockSize] */
  readonly target: Float32Array;
  /** weight − value. [rows, blockSize] */
  readonly error: Float32Array;
  /** The rows' packed blocks. [rows, blockBytes] */
  readonly blocks: Uint8Array;
  protected readonly kernels: Kernels;
  protected readonly rows: number;
  /** Values of a block. */
  protected readonly size: number;
  /** Targets and their importance in natural order, for the format's own search. [rows, blockSize] */
  protected readonly values: Float32Array;
  protected readonly importance: Float32Array;

  constructor(kernels: Kernels, format: NumberFormat, rows: number) {
    const size = format.blockSize;
    this.kernels = kernels;
    this.rows = rows;
    this.size = size;
    this.weight = kernels.f32(rows * size);
    this.target = kernels.f32(rows * size);
    this.error = kernels.f32(rows * size);
    this.blocks = new Uint8Array(rows * format.blockBytes);
    this.values = new Float32Array(rows * size);
    this.importance = new Float32Array(rows * size);
  }

  /** From `weight` and `target` to `blocks` and `error`. */
  abstract round(plan: BlockPlan): void;

  /** Brings targets and importance into natural order. */
  protected arrange({ order, importance }: BlockPlan): void {
    const { rows, size, target } = this;
    for (let j = 0; j < size; j++) this.importance[order[j]] = importance[j];
    for (let row = 0; row < rows; row++) {
      const from = row * size;
      if (row > 0) this.importance.copyWithin(from, 0, size);
      for (let j = 0; j < size; j++) this.values[from + order[j]] = target[from + j];
    }
  }
}
