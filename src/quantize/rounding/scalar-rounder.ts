import type { Kernels } from '../../kernels/contract.ts';
import type { NumberFormat, ScalarGrid } from '../../numeric/types.ts';
import type { BlockPlan, BlockRounder } from './block-rounder.ts';

/** Rounds element by element on a scalar grid. */
export class ScalarRounder implements BlockRounder {
  readonly weight: Float32Array;
  readonly target: Float32Array;
  readonly error: Float32Array;
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
