import type { Kernels } from '../../kernels/contract.ts';
import { pointCodes } from '../../numeric/points.ts';
import { GROUP, type PointCodes } from '../../numeric/search/points.ts';
import type { NumberFormat, PointGrid } from '../../numeric/types.ts';
import type { BlockPlan, BlockRounder } from './block-rounder.ts';

/** Rounds group by group to points of a code book: a group is one step of the feedback, in all rows at once. */
export class PointRounder implements BlockRounder {
  readonly weight: Float32Array;
  readonly target: Float32Array;
  readonly error: Float32Array;
  readonly blocks: Uint8Array;
  readonly #kernels: Kernels;
  readonly #points: PointGrid;
  readonly #rows: number;
  readonly #size: number;
  readonly #scale: Float32Array;
  readonly #which: Uint8Array;
  readonly #codes: PointCodes;
  /** Targets and their importance in natural order. [rows, blockSize] */
  readonly #values: Float32Array;
  readonly #importance: Float32Array;
  /** Targets in rounding order, as feedback moves them. [blockSize, rows] */
  readonly #moved: Float32Array;
  /** Errors of the group at hand. [GROUP, rows] */
  readonly #groupError: Float32Array;
  /** How much of them later columns receive. [GROUP, later columns] */
  readonly #received: Float32Array;
  /** A group at its place in the block, as the book looks it up. [blockSize] */
  readonly #x: Float64Array;
  readonly #w: Float64Array;
  readonly #q = new Float64Array(GROUP);
  readonly #found: PointCodes;

  constructor(kernels: Kernels, format: NumberFormat, points: PointGrid, rows: number) {
    const size = format.blockSize;
    this.#kernels = kernels;
    this.#points = points;
    this.#rows = rows;
    this.#size = size;
    this.weight = kernels.f32(rows * size);
    this.target = kernels.f32(rows * size);
    this.error = kernels.f32(rows * size);
    this.blocks = new Uint8Array(rows * format.blockBytes);
    this.#scale = new Float32Array((rows * size) / points.subBlock);
    this.#which = new Uint8Array(this.#scale.length);
    this.#codes = pointCodes(points, rows * size);
    this.#found = pointCodes(points, size);
    this.#values = new Float32Array(rows * size);
    this.#importance = new Float32Array(rows * size);
    this.#moved = kernels.f32(size * rows);
    this.#groupError = kernels.f32(GROUP * rows);
    this.#received = kernels.f32(GROUP * size);
    this.#x = new Float64Array(size);
    this.#w = new Float64Array(size);
  }

  round(plan: BlockPlan): void {
    this.#arrange(plan);
    this.#points.fit(this.#values, this.#importance, this.blocks, this.#scale, this.#which);
    for (let first = 0; first < this.#size; first += GROUP) {
      for (let row = 0; row < this.#rows; row++) this.#roundGroup(plan.order[first], row, first);
      this.#feedBack(plan.u, first);
    }
    this.#points.pack(this.#codes, this.blocks);
  }

  #arrange({ order, importance }: BlockPlan): void {
    const size = this.#size;
    for (let j = 0; j < size; j++) {
      const natural = order[j];
      this.#w[natural] = importance[j];
      for (let row = 0; row < this.#rows; row++) {
        const target = this.target[row * size + j];
        this.#values[row * size + natural] = target;
        this.#importance[row * size + natural] = importance[j];
        this.#moved[j * this.#rows + row] = target;
      }
    }
  }

  /** A point near to the targets at places [first, first + GROUP) of one row, from column `at` on; the errors it leaves. */
  #roundGroup(at: number, row: number, first: number): void {
    const { subBlock, books } = this.#points;
    const rows = this.#rows;
    const from = row * this.#size;
    for (let i = 0; i < GROUP; i++) this.#x[at + i] = this.#moved[(first + i) * rows + row];
    const j = Math.floor((from + at) / subBlock);
    const scale = this.#scale[j];
    const book = books[this.#which[j]];
    book.nearest(this.#x, this.#w, at, scale, this.#found, this.#q);
    for (let i = 0; i < GROUP; i += book.size) {
      this.#codes.entries[(from + at + i) / book.size] = this.#found.entries[(at + i) / book.size];
    }
    this.#codes.signs[(from + at) / GROUP] = this.#found.signs[at / GROUP];
    for (let i = 0; i < GROUP; i++) {
      const error = this.weight[from + first + i] - scale * this.#q[i];
      this.error[from + first + i] = error;
      this.#groupError[i * rows + row] = error;
    }
  }

  /** Moves the targets of all later columns. */
  #feedBack(u: Float32Array, first: number): void {
    const size = this.#size;
    const next = first + GROUP;
    const later = size - next;
    if (later === 0) return;
    for (let i = 0; i < GROUP; i++) {
      const row = (first + i) * size;
      this.#received.set(u.subarray(row + next, row + size), i * later);
    }
    const moved = this.#moved.subarray(next * this.#rows);
    this.#kernels.matmulTN(this.#received, this.#groupError, moved, later, this.#rows, GROUP, true);
  }
}
