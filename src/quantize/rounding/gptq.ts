import type { Kernels } from '../../kernels/contract.ts';
import { encodeRows, rowBytes } from '../../numeric/table.ts';
import type { NumberFormat } from '../../numeric/types.ts';
import type { Curvature, RoundingMethod } from '../types.ts';
import type { BlockRounder } from './block-rounder.ts';
import { type Feedback, feedback } from './feedback.ts';
import { type BlockRefinement, refinements } from './refinement.ts';
import { blockRounder, roundedTogether } from './rounders.ts';
import { Images, unshrink } from './unshrink.ts';

/**
 * GPTQ into any scalar grid, K-quants included, and into points of a code book. Along a row, block by block: the block's
 * scales are searched on the weights as compensated so far, then its columns (or groups of columns that share a point) are
 * rounded one after the other, each error fed back to all later ones.
 * Afterwards every block is rounded anew, scales and codes, given all the others; last, rows get the size back that least
 * squares took.
 * @see Frantar et al., GPTQ (2022); feedback in the LDLQ form of QuIP (2023)
 */
export const gptq: RoundingMethod = {
  name: 'gptq',
  prepare(kernels, curvature) {
    const plans = new Map<string, RowPlan>();
    const images = curvature.matrix && new Images(kernels, curvature.matrix, curvature.columns);
    return (format, weight, blocks) => {
      const together = roundedTogether(format);
      if (together === 0 || images === undefined) {
        encodeRows(format, weight, curvature.columns, curvature.diagonal, blocks, kernels);
        return;
      }
      const key = `${format.blockSize} ${together}`;
      const plan = plans.get(key) ?? rowPlan(kernels, curvature, format.blockSize, together);
      plans.set(key, plan);
      roundInChunks(kernels, format, plan, images, weight, blocks);
    };
  },
};

interface RowPlan {
  readonly curvature: Curvature;
  readonly feedback: Feedback;
  /** Empty for rows of a single block. */
  readonly refinements: readonly BlockRefinement[];
}

/** Times every block is rounded anew; what each is worth stands in docs/decisions/002. */
const REFINEMENT_PASSES = 2;

/** Rows rounded together: bounds the memory of a pass, keeps the products wide. */
const ROW_CHUNK = 2048;

function rowPlan(kernels: Kernels, curvature: Curvature, blockSize: number, together: number): RowPlan {
  const plan = feedback(kernels, curvature, blockSize, together);
  const alone = plan.blocks.length === 1;
  return { curvature, feedback: plan, refinements: alone ? [] : refinements(kernels, curvature, plan) };
}

function roundInChunks(
  kernels: Kernels,
  format: NumberFormat,
  plan: RowPlan,
  images: Images,
  weight: Float32Array,
  blocks: Uint8Array,
): void {
  const { columns } = plan.curvature;
  const rows = weight.length / columns;
  const stride = rowBytes(format, columns);
  for (let start = 0; start < rows; start += ROW_CHUNK) {
    const end = Math.min(rows, start + ROW_CHUNK);
    kernels.scope(() => {
      const part = weight.subarray(start * columns, end * columns);
      const partBlocks = blocks.subarray(start * stride, end * stride);
      const chunk = new RowChunk(kernels, format, plan, part, partBlocks);
      chunk.round();
      for (let pass = 0; pass < REFINEMENT_PASSES; pass++) chunk.refine();
      if (format.halves) unshrink(format, columns, part, images.rows(weight, start, end), partBlocks);
    });
  }
}

/** Some rows of one matrix on their way into blocks; its arrays live in one kernel scope. */
class RowChunk {
  readonly #kernels: Kernels;
  readonly #format: NumberFormat;
  readonly #plan: RowPlan;
  readonly #weight: Float32Array;
  readonly #blocks: Uint8Array;
  readonly #rows: number;
  readonly #rounder: BlockRounder;
  /** Errors w − q, rounding order. [columns, rows] */
  readonly #errors: Float32Array;
  /** How much of every column's error the block at hand receives. [columns, blockSize] */
  readonly #received: Float32Array;
  /** What it receives. [blockSize, rows] */
  readonly #sum: Float32Array;
  /** By how much it aims beside its weights. [blockSize, rows] */
  readonly #shift: Float32Array;
  /** What a change of its errors costs. [blockSize, rows] */
  readonly #slope: Float32Array;
  /** [blockSize, blockSize] */
  readonly #square: Float32Array;

  constructor(kernels: Kernels, format: NumberFormat, plan: RowPlan, weight: Float32Array, blocks: Uint8Array) {
    const { columns } = plan.curvature;
    const { blockSize } = format;
    this.#kernels = kernels;
    this.#format = format;
    this.#plan = plan;
    this.#weight = weight;
    this.#blocks = blocks;
    this.#rows = weight.length / columns;
    this.#rounder = blockRounder(kernels, format, this.#rows);
    this.#errors = kernels.f32(columns * this.#rows);
    this.#received = kernels.f32(columns * blockSize);
    this.#sum = kernels.f32(blockSize * this.#rows);
    this.#shift = kernels.f32(blockSize * this.#rows);
    this.#slope = kernels.f32(blockSize * this.#rows);
    this.#square = kernels.f32(blockSize * blockSize);
  }

  /** From the first block to the last, every block answering the errors of those before it. */
  round(): void {
    const { order, u, blocks } = this.#plan.feedback;
    const columns = order.length;
    const size = this.#format.blockSize;
    for (const [i, plan] of blocks.entries()) {
      const first = i * size;
      this.#receiveEarlier(u, columns, first);
      if (first > 0) this.#kernels.matmulTN(this.#received, this.#errors, this.#shift, size, this.#rows, first);
      else this.#shift.fill(0);
      this.#aim(first);
      this.#rounder.round(plan);
      for (let row = 0; row < this.#rows; row++) this.#keep(row, first, plan.block);
    }
  }

  /** Every block once more, answering the errors of all others; a row keeps what it had where that was better. */
  refine(): void {
    const size = this.#format.blockSize;
    for (const [i, plan] of this.#plan.refinements.entries()) {
      const first = i * size;
      this.#receiveAll(first);
      this.#kernels.matmulTN(this.#received, this.#errors, this.#sum, size, this.#rows, this.#plan.curvature.columns);
      this.#square.set(plan.inverse);
      this.#kernels.matmulTN(this.#square, this.#sum, this.#shift, size, this.#rows, size);
      this.#aim(first);
      this.#rounder.weight.set(this.#rounder.target); // errors count from what the block aims at
      this.#rounder.round(plan);
      this.#keepGains(first, plan);
    }
  }

  /** Feedback coefficients between earlier columns and the block's. */
  #receiveEarlier(u: Float32Array, columns: number, first: number): void {
    const received = this.#received;
    const size = this.#format.blockSize;
    for (let k = 0, to = 0; k < first; k++) {
      const from = k * columns + first;
      for (let j = 0; j < size; j++, to++) received[to] = u[from + j];
    }
  }

  /** Curvature between all columns and the block's, none within it. */
  #receiveAll(first: number): void {
    const received = this.#received;
    const matrix = this.#plan.curvature.matrix!;
    const size = this.#format.blockSize;
    const { order } = this.#plan.feedback;
    // read along rows, which the matrix's symmetry allows: across them every value would be a cache miss
    for (let j = 0; j < size; j++) {
      const row = order[first + j] * order.length;
      for (let k = 0, to = j; k < order.length; k++, to += size) received[to] = matrix[row + order[k]];
    }
    received.fill(0, first * size, (first + size) * size);
  }

  /** The block's weights, and its targets: weights plus shift. */
  #aim(first: number): void {
    const shift = this.#shift;
    const rows = this.#rows;
    const all = this.#weight;
    const { order } = this.#plan.feedback;
    const columns = order.length;
    const size = this.#format.blockSize;
    const own = order.subarray(first, first + size);
    const { weight, target } = this.#rounder;
    for (let row = 0, at = 0; row < rows; row++) {
      const from = row * columns;
      for (let j = 0; j < size; j++, at++) {
        const w = all[from + own[j]];
        weight[at] = w;
        target[at] = w + shift[j * rows + row];
      }
    }
  }

  /** Keeps the refined block in the rows where it costs less: s'Hs falls, s being the error from what it aims at. */
  #keepGains(first: number, plan: BlockRefinement): void {
    const rows = this.#rows;
    const size = this.#format.blockSize;
    const { error } = this.#rounder;
    for (let j = 0; j < size; j++) {
      for (let row = 0; row < rows; row++) {
        const before = this.#errors[(first + j) * rows + row] + this.#shift[j * rows + row];
        this.#sum[j * rows + row] = before + error[row * size + j];
      }
    }
    this.#square.set(plan.curvature);
    this.#kernels.matmulTN(this.#square, this.#sum, this.#slope, size, rows, size);
    for (let row = 0; row < rows; row++) {
      let change = 0;
      for (let j = 0; j < size; j++) {
        const at = j * rows + row;
        const before = this.#errors[first * rows + at] + this.#shift[at];
        change += (error[row * size + j] - before) * this.#slope[at];
      }
      if (change >= 0) continue;
      for (let j = 0; j < size; j++) error[row * size + j] -= this.#shift[j * rows + row];
      this.#keep(row, first, plan.block);
    }
  }

  /** Takes the rounder's block of one row, with its errors. */
  #keep(row: number, first: number, block: number): void {
    const { blockSize: size, blockBytes } = this.#format;
    for (let j = 0; j < size; j++) this.#errors[(first + j) * this.#rows + row] = this.#rounder.error[row * size + j];
    const at = row * rowBytes(this.#format, this.#plan.curvature.columns) + block * blockBytes;
    this.#blocks.set(this.#rounder.blocks.subarray(row * blockBytes, (row + 1) * blockBytes), at);
  }
}
