import type { Kernels } from '../../kernels/contract.ts';
import { encodeRows, rowBytes } from '../../numeric/table.ts';
import type { NumberFormat, ScalarGrid } from '../../numeric/types.ts';
import type { RoundingMethod } from '../types.ts';
import { type Feedback, feedback } from './feedback.ts';

/**
 * GPTQ into any scalar grid, K-quants included. Along a row, block by block: the block's scales are searched on the
 * weights as compensated so far, then its columns are rounded one after the other, each error fed back to all later ones.
 * @see Frantar et al., GPTQ (2022); feedback in the LDLQ form of QuIP (2023)
 */
export const gptq: RoundingMethod = {
  name: 'gptq',
  prepare(kernels, curvature) {
    const plans = new Map<number, Feedback>();
    return (format, weight, blocks) => {
      if (format.grid === undefined || curvature.matrix === undefined) {
        encodeRows(format, weight, curvature.columns, curvature.diagonal, blocks);
        return;
      }
      const plan = plans.get(format.blockSize) ?? feedback(kernels, curvature, format.blockSize);
      plans.set(format.blockSize, plan);
      roundWithFeedback(kernels, format, format.grid, plan, weight, blocks);
    };
  },
};

/** Rows rounded together: bounds the memory of a pass, keeps the products wide. */
const ROW_CHUNK = 2048;

function roundWithFeedback(
  kernels: Kernels,
  format: NumberFormat,
  grid: ScalarGrid,
  plan: Feedback,
  weight: Float32Array,
  blocks: Uint8Array,
): void {
  const columns = plan.order.length;
  const rows = weight.length / columns;
  const stride = rowBytes(format, columns);
  for (let start = 0; start < rows; start += ROW_CHUNK) {
    const end = Math.min(rows, start + ROW_CHUNK);
    kernels.scope(() => {
      const pass = new FeedbackPass(kernels, format, grid, plan, end - start);
      pass.run(weight.subarray(start * columns, end * columns), blocks.subarray(start * stride, end * stride));
    });
  }
}

/** The rounding of some rows of one matrix; its arrays live in one kernel scope. */
class FeedbackPass {
  readonly #kernels: Kernels;
  readonly #format: NumberFormat;
  readonly #grid: ScalarGrid;
  readonly #plan: Feedback;
  readonly #rows: number;
  /** Errors w − q of finished columns, rounding order. [columns, rows] */
  readonly #errors: Float32Array;
  /** Columns of u that the current block receives. [finished, blockSize] */
  readonly #received: Float32Array;
  /** [blockSize, rows] */
  readonly #feedback: Float32Array;
  /** The current block in rounding order. [rows, blockSize] */
  readonly #weight: Float32Array;
  readonly #target: Float32Array;
  readonly #error: Float32Array;
  readonly #codes: Uint8Array;
  /** [blockSize, blockSize] */
  readonly #u: Float32Array;
  readonly #scale: Float32Array;
  readonly #offset: Float32Array;
  readonly #subBlock: Int32Array;
  readonly #levels: Float32Array;
  /** The current block in natural order, for the format's own search. [rows, blockSize] */
  readonly #values: Float32Array;
  readonly #importance: Float32Array;
  readonly #naturalCodes: Uint8Array;
  readonly #blocks: Uint8Array;

  constructor(kernels: Kernels, format: NumberFormat, grid: ScalarGrid, plan: Feedback, rows: number) {
    const size = format.blockSize;
    const columns = plan.order.length;
    const subBlocks = size / grid.subBlock;
    this.#kernels = kernels;
    this.#format = format;
    this.#grid = grid;
    this.#plan = plan;
    this.#rows = rows;
    this.#errors = kernels.f32(columns * rows);
    this.#received = kernels.f32(columns * size);
    this.#feedback = kernels.f32(size * rows);
    this.#weight = kernels.f32(rows * size);
    this.#target = kernels.f32(rows * size);
    this.#error = kernels.f32(rows * size);
    this.#codes = kernels.u8(rows * size);
    this.#u = kernels.f32(size * size);
    this.#scale = kernels.f32(rows * subBlocks);
    this.#offset = kernels.f32(rows * subBlocks);
    this.#subBlock = kernels.i32(size);
    this.#levels = kernels.upload(grid.levels);
    this.#values = new Float32Array(rows * size);
    this.#importance = new Float32Array(rows * size);
    this.#naturalCodes = new Uint8Array(rows * size);
    this.#blocks = new Uint8Array(rows * format.blockBytes);
  }

  run(weight: Float32Array, blocks: Uint8Array): void {
    const columns = this.#plan.order.length;
    const size = this.#format.blockSize;
    for (let first = 0; first < columns; first += size) {
      this.#aim(weight, first);
      this.#search(first);
      this.#round(first);
      this.#store(blocks, first);
    }
  }

  /** Targets of the block at `first`: its weights plus the feedback of all finished columns. */
  #aim(weight: Float32Array, first: number): void {
    const { order, u } = this.#plan;
    const columns = order.length;
    const size = this.#format.blockSize;
    for (let i = 0; i < first; i++) {
      this.#received.set(u.subarray(i * columns + first, i * columns + first + size), i * size);
    }
    if (first > 0) this.#kernels.matmulTN(this.#received, this.#errors, this.#feedback, size, this.#rows, first);
    else this.#feedback.fill(0);
    for (let j = 0; j < size; j++) {
      const column = order[first + j];
      const fed = j * this.#rows;
      for (let row = 0; row < this.#rows; row++) {
        const w = weight[row * columns + column];
        this.#weight[row * size + j] = w;
        this.#target[row * size + j] = w + this.#feedback[fed + row];
      }
    }
  }

  /** The format's scale search on the targets. */
  #search(first: number): void {
    const { order, importance } = this.#plan;
    const size = this.#format.blockSize;
    const base = Math.floor(order[first] / size) * size;
    for (let j = 0; j < size; j++) {
      const natural = order[first + j] - base;
      this.#subBlock[j] = Math.floor(natural / this.#grid.subBlock);
      for (let row = 0; row < this.#rows; row++) {
        this.#values[row * size + natural] = this.#target[row * size + j];
        this.#importance[row * size + natural] = importance[first + j];
      }
    }
    this.#blocks.fill(0);
    this.#grid.fit(this.#values, this.#importance, this.#blocks, this.#scale, this.#offset);
  }

  #round(first: number): void {
    const { u } = this.#plan;
    const columns = this.#plan.order.length;
    const size = this.#format.blockSize;
    for (let i = 0; i < size; i++) {
      const row = (first + i) * columns + first;
      this.#u.set(u.subarray(row, row + size), i * size);
    }
    this.#kernels.roundBlock({
      rows: this.#rows,
      columns: size,
      weight: this.#weight,
      target: this.#target,
      u: this.#u,
      scale: this.#scale,
      offset: this.#offset,
      subBlocks: size / this.#grid.subBlock,
      subBlock: this.#subBlock,
      levels: this.#levels,
      codes: this.#codes,
      error: this.#error,
    });
  }

  /** Packs the codes into the rows' blocks and keeps the errors for later columns. */
  #store(blocks: Uint8Array, first: number): void {
    const { order } = this.#plan;
    const { blockSize: size, blockBytes } = this.#format;
    const block = Math.floor(order[first] / size);
    const stride = rowBytes(this.#format, order.length);
    for (let j = 0; j < size; j++) {
      const natural = order[first + j] - block * size;
      const kept = (first + j) * this.#rows;
      for (let row = 0; row < this.#rows; row++) {
        this.#naturalCodes[row * size + natural] = this.#codes[row * size + j];
        this.#errors[kept + row] = this.#error[row * size + j];
      }
    }
    this.#grid.pack(this.#naturalCodes, this.#blocks);
    for (let row = 0; row < this.#rows; row++) {
      blocks.set(this.#blocks.subarray(row * blockBytes, (row + 1) * blockBytes), row * stride + block * blockBytes);
    }
  }
}
