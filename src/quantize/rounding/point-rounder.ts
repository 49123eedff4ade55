import type { Kernels } from '../../kernels/contract.ts';
import { pointCodes } from '../../numeric/points.ts';
import { GROUP } from '../../numeric/search/points/points.ts';
import type { PointCodes } from '../../numeric/search/points/types.ts';
import type { NumberFormat, PointGrid } from '../../numeric/types.ts';
import { type BlockPlan, BlockRounder } from './block-rounder.ts';

/** Rounds group by group to points of a code book: a group is one step of the feedback, in all rows at once. */
export class PointRounder extends BlockRounder {
  readonly #points: PointGrid;
  /** Scales and books of the sub-blocks. [rows, sub-blocks] */
  readonly #scale: Float32Array;
  readonly #which: Uint8Array;
  readonly #codes: PointCodes;
  /** Targets in rounding order, as feedback moves them. [blockSize, rows] */
  readonly #moved: Float32Array;
  /** Errors of the group at hand. [GROUP, rows] */
  readonly #groupError: Float32Array;
  /** How much of them later columns receive. [GROUP, later columns] */
  readonly #received: Float32Array;
  /** The group at hand of every row: targets, levels, scale, book and codes. */
  readonly #x: Float64Array;
  readonly #q: Float64Array;
  readonly #groupScale: Float32Array;
  readonly #groupWhich: Uint8Array;
  readonly #found: PointCodes;

  constructor(kernels: Kernels, format: NumberFormat, points: PointGrid, rows: number) {
    super(kernels, format, rows);
    const { size } = this;
    this.#points = points;
    this.#scale = new Float32Array((rows * size) / points.subBlock);
    this.#which = new Uint8Array(this.#scale.length);
    this.#codes = pointCodes(points, rows * size);
    this.#moved = kernels.f32(size * rows);
    this.#groupError = kernels.f32(GROUP * rows);
    this.#received = kernels.f32(GROUP * size);
    this.#x = new Float64Array(rows * GROUP);
    this.#q = new Float64Array(rows * GROUP);
    this.#groupScale = new Float32Array(rows);
    this.#groupWhich = new Uint8Array(rows);
    this.#found = pointCodes(points, rows * GROUP);
  }

  round(plan: BlockPlan): void {
    this.arrange(plan);
    for (let j = 0; j < this.size; j++) {
      for (let row = 0; row < this.rows; row++) this.#moved[j * this.rows + row] = this.target[row * this.size + j];
    }
    this.#points.fit(this.values, this.importance, this.blocks, this.#scale, this.#which, this.kernels);
    for (let first = 0; first < this.size; first += GROUP) {
      this.#roundGroup(plan, first);
      this.#feedBack(plan.u, first);
    }
    this.#points.pack(this.#codes, this.blocks);
  }

  /** Points near to the targets at places [first, first + GROUP) of all rows, and the errors they leave. */
  #roundGroup({ order, importance }: BlockPlan, first: number): void {
    const { rows, size } = this;
    const { subBlock, books } = this.#points;
    const column = order[first];
    for (let row = 0; row < rows; row++) {
      for (let i = 0; i < GROUP; i++) this.#x[row * GROUP + i] = this.#moved[(first + i) * rows + row];
      const j = Math.floor((row * size + column) / subBlock);
      this.#groupScale[row] = this.#scale[j];
      this.#groupWhich[row] = this.#which[j];
    }
    this.kernels.nearestPoints({
      books,
      x: this.#x,
      w: Float64Array.from(importance.subarray(first, first + GROUP)),
      scale: this.#groupScale,
      which: this.#groupWhich,
      codes: this.#found,
      q: this.#q,
    });
    for (let row = 0; row < rows; row++) this.#keep(row, first, column);
  }

  /** Takes the point found for the group from natural column `column` on. */
  #keep(row: number, first: number, column: number): void {
    const { rows, size } = this;
    const perGroup = GROUP / this.#points.books[0].size;
    const group = (row * size + column) / GROUP;
    for (let i = 0; i < perGroup; i++) {
      this.#codes.entries[group * perGroup + i] = this.#found.entries[row * perGroup + i];
    }
    this.#codes.signs[group] = this.#found.signs[row];
    const scale = this.#groupScale[row];
    for (let i = 0; i < GROUP; i++) {
      const at = row * size + first + i;
      const error = this.weight[at] - scale * this.#q[row * GROUP + i];
      this.error[at] = error;
      this.#groupError[i * rows + row] = error;
    }
  }

  /** Moves the targets of all later columns. */
  #feedBack(u: Float32Array, first: number): void {
    const next = first + GROUP;
    const later = this.size - next;
    if (later === 0) return;
    for (let i = 0; i < GROUP; i++) {
      const row = (first + i) * this.size;
      this.#received.set(u.subarray(row + next, row + this.size), i * later);
    }
    const moved = this.#moved.subarray(next * this.rows);
    this.kernels.matmulTN(this.#received, this.#groupError, moved, later, this.rows, GROUP, true);
  }
}
