import type { Kernels } from '../../kernels/contract.ts';
import type { NumberFormat, ScalarGrid } from '../../numeric/types.ts';
import { type BlockPlan, BlockRounder } from './block-rounder.ts';

/** Rounds element by element on a scalar grid. */
export class ScalarRounder extends BlockRounder {
  readonly #grid: ScalarGrid;
  readonly #codes: Uint8Array;
  readonly #u: Float32Array;
  readonly #scale: Float32Array;
  readonly #offset: Float32Array;
  readonly #subBlock: Int32Array;
  readonly #levels: Float32Array;
  /** Codes in natural order. [rows, blockSize] */
  readonly #naturalCodes: Uint8Array;

  constructor(kernels: Kernels, format: NumberFormat, grid: ScalarGrid, rows: number) {
    super(kernels, format, rows);
    const { size } = this;
    const subBlocks = size / grid.subBlock;
    this.#grid = grid;
    this.#codes = kernels.u8(rows * size);
    this.#u = kernels.f32(size * size);
    this.#scale = kernels.f32(rows * subBlocks);
    this.#offset = kernels.f32(rows * subBlocks);
    this.#subBlock = kernels.i32(size);
    this.#levels = kernels.upload(grid.levels);
    this.#naturalCodes = new Uint8Array(rows * size);
  }

  round(plan: BlockPlan): void {
    this.arrange(plan);
    this.#grid.fit(this.values, this.importance, this.blocks, this.#scale, this.#offset, this.kernels);
    this.#subBlock.set(plan.order.map((column) => Math.floor(column / this.#grid.subBlock)));
    this.#u.set(plan.u);
    this.kernels.roundBlock({
      rows: this.rows,
      columns: this.size,
      weight: this.weight,
      target: this.target,
      u: this.#u,
      scale: this.#scale,
      offset: this.#offset,
      subBlocks: this.size / this.#grid.subBlock,
      subBlock: this.#subBlock,
      levels: this.#levels,
      codes: this.#codes,
      error: this.error,
    });
    this.#pack(plan);
  }

  #pack({ order }: BlockPlan): void {
    const { rows, size } = this;
    for (let row = 0; row < rows; row++) {
      const from = row * size;
      for (let j = 0; j < size; j++) this.#naturalCodes[from + order[j]] = this.#codes[from + j];
    }
    this.#grid.pack(this.#naturalCodes, this.blocks);
  }
}
