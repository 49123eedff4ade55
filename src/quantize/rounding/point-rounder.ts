import type { Kernels } from '../../kernels/contract.ts';
import { pointCodes } from '../../numeric/points.ts';
import { GROUP, type PointCodes } from '../../numeric/search/points.ts';
import type { NumberFormat, PointGrid } from '../../numeric/types.ts';
import type { BlockPlan, BlockRounder } from './block-rounder.ts';

/** Rounds group by group to points of a code book: a group is one step of the feedback. */
export class PointRounder implements BlockRounder {
  readonly weight: Float32Array;
  readonly target: Float32Array;
  readonly error: Float32Array;
  readonly blocks: Uint8Array;
  readonly #points: PointGrid;
  readonly #rows: number;
  readonly #size: number;
  readonly #scale: Float32Array;
  readonly #which: Uint8Array;
  readonly #codes: PointCodes;
  /** Targets and their importance in natural order. [rows, blockSize] */
  readonly #values: Float32Array;
  readonly #importance: Float32Array;
  /** A group at its place in the block, as the book looks it up. [blockSize] */
  readonly #x: Float64Array;
  readonly #w: Float64Array;
  readonly #q = new Float64Array(GROUP);

  constructor(kernels: Kernels, format: NumberFormat, points: PointGrid, rows: number) {
    const size = format.blockSize;
    this.#points = points;
    this.#rows = rows;
    this.#size = size;
    this.weight = kernels.f32(rows * size);
    this.target = kernels.f32(rows * size);
    this.error = kernels.f32(rows * size);
    this.blocks = new Uint8Array(rows * format.blockBytes);
    this.#scale = new Float32Array((rows * size) / points.subBlock);
    this.#which = new Uint8Array(this.#scale.length);
    this.#codes = pointCodes(points, size);
    this.#values = new Float32Array(rows * size);
    this.#importance = new Float32Array(rows * size);
    this.#x = new Float64Array(size);
    this.#w = new Float64Array(size);
  }

  round(plan: BlockPlan): void {
    const size = this.#size;
    for (let j = 0; j < size; j++) {
      const natural = plan.order[j];
      this.#w[natural] = plan.importance[j];
      for (let row = 0; row < this.#rows; row++) {
        this.#values[row * size + natural] = this.target[row * size + j];
        this.#importance[row * size + natural] = plan.importance[j];
      }
    }
    this.#points.fit(this.#values, this.#importance, this.blocks, this.#scale, this.#which);
    const bytes = this.blocks.length / this.#rows;
    for (let row = 0; row < this.#rows; row++) {
      for (let first = 0; first < size; first += GROUP) {
        this.#roundGroup(plan, row, first);
        this.#feedBack(plan.u, row, first);
      }
      this.#points.pack(this.#codes, this.blocks.subarray(row * bytes, (row + 1) * bytes));
    }
  }

  /** The point nearest to the targets at places [first, first + GROUP) of one row, and the errors it leaves. */
  #roundGroup({ order }: BlockPlan, row: number, first: number): void {
    const { subBlock, books } = this.#points;
    const at = order[first];
    const from = row * this.#size + first;
    for (let i = 0; i < GROUP; i++) this.#x[at + i] = this.target[from + i];
    const j = Math.floor((row * this.#size + at) / subBlock);
    const scale = this.#scale[j];
    books[this.#which[j]].nearest(this.#x, this.#w, at, scale, this.#codes, this.#q);
    for (let i = 0; i < GROUP; i++) this.error[from + i] = this.weight[from + i] - scale * this.#q[i];
  }

  #feedBack(u: Float32Array, row: number, first: number): void {
    const size = this.#size;
    const { target, error } = this;
    const base = row * size;
    for (let i = first; i < first + GROUP; i++) {
      const e = error[base + i];
      for (let k = first + GROUP; k < size; k++) target[base + k] += e * u[i * size + k];
    }
  }
}
