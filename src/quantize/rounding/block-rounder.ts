import type { Kernels } from '../../kernels/contract.ts';
import type { NumberFormat, ScalarGrid } from '../../numeric/types.ts';

/** How the columns of one block are rounded: their order and how errors of earlier ones move the targets of later ones. */
export interface BlockPlan {
  /** Which block of the row. */
  readonly block: number;
  /** Column within the block at each place of the rounding order. [blockSize] */
  readonly order: Int32Array;
  /** Unit upper triangular, rounding order: column j aims at its target plus Σ_{i<j} e_i·u[i,j]. [blockSize, blockSize] */
  readonly u: Float32Array;
  /** Weight of a squared error in the search for scales, rounding order. [blockSize] */
  readonly importance: Float32Array;
}

/**
 * Rounds one block of many rows: the format's scales are searched on the targets, then the columns are rounded one after
 * the other with feedback. Its arrays live in the kernel scope it is made in; all but `blocks` are in rounding order.
 */
export class BlockRounder {
  /** What the errors are counted from; filled by the caller. [rows, blockSize] */
  readonly weight: Float32Array;
  /** What the block aims at; filled by the caller, moved by feedback inside the block. [rows, blockSize] */
  readonly target: Float32Array;
  /** weight − value. [rows, blockSize] */
  readonly error: Float32Array;
  /** The rows' packed blocks. [rows, blockBytes] */
  readonly blocks: Uint8Array;
  readonly #kernels: Kernels;
  readonly #grid: ScalarGrid;
  readonly #rows: number;
  readonly #size: number;
  readonly #codes: Uint8Array;
  readonly #u: Float32Array;
  readonly #scale: Float32Array;
  readonly #offset: Float32Array;
  readonly #subBlock: Int32Array;
  readonly #levels: Float32Array;
  /** Targets, their importance and codes in natural order, for the format's own search. [rows, blockSize] */
  readonly #values: Float32Array;
  readonly #importance: Float32Array;
  readonly #naturalCodes: Uint8Array;

  constructor(kernels: Kernels, format: NumberFormat, grid: ScalarGrid, rows: number) {
    const size = format.blockSize;
    const subBlocks = size / grid.subBlock;
    this.#kernels = kernels;
    this.#grid = grid;
    this.#rows = rows;
    this.#size = size;
    this.weight = kernels.f32(rows * size);
    this.target = kernels.f32(rows * size);
    this.error = kernels.f32(rows * size);
    this.blocks = new Uint8Array(rows * format.blockBytes);
    this.#codes = kernels.u8(rows * size);
    this.#u = kernels.f32(size * size);
    this.#scale = kernels.f32(rows * subBlocks);
    this.#offset = kernels.f32(rows * subBlocks);
    this.#subBlock = kernels.i32(size);
    this.#levels = kernels.upload(grid.levels);
    this.#values = new Float32Array(rows * size);
    this.#importance = new Float32Array(rows * size);
    this.#naturalCodes = new Uint8Array(rows * size);
  }

  /** From `weight` and `target` to `blocks` and `error`. */
  round(plan: BlockPlan): void {
    this.#search(plan);
    this.#u.set(plan.u);
    this.#kernels.roundBlock({
      rows: this.#rows,
      columns: this.#size,
      weight: this.weight,
      target: this.target,
      u: this.#u,
      scale: this.#scale,
      offset: this.#offset,
      subBlocks: this.#size / this.#grid.subBlock,
      subBlock: this.#subBlock,
      levels: this.#levels,
      codes: this.#codes,
      error: this.error,
    });
    this.#pack(plan);
  }

  #search({ order, importance }: BlockPlan): void {
    const size = this.#size;
    for (let j = 0; j < size; j++) {
      const natural = order[j];
      this.#subBlock[j] = Math.floor(natural / this.#grid.subBlock);
      for (let row = 0; row < this.#rows; row++) {
        this.#values[row * size + natural] = this.target[row * size + j];
        this.#importance[row * size + natural] = importance[j];
      }
    }
    this.blocks.fill(0);
    this.#grid.fit(this.#values, this.#importance, this.blocks, this.#scale, this.#offset);
  }

  #pack({ order }: BlockPlan): void {
    const size = this.#size;
    for (let j = 0; j < size; j++) {
      const natural = order[j];
      for (let row = 0; row < this.#rows; row++) {
        this.#naturalCodes[row * size + natural] = this.#codes[row * size + j];
      }
    }
    this.#grid.pack(this.#naturalCodes, this.blocks);
  }
}
