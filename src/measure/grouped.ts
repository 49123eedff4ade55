import type { Kernels } from '../kernels/contract.ts';
import { expertName, HARDLY_REACHED } from './experts.ts';
import { addInputEnergy, type FactorSums, finishHalf, openFactors } from './factors.ts';
import { addToSketch, referencePerturbation, sketchStride } from './sketch.ts';
import type { StackSums } from './stack.ts';
import type { UseMeasurement } from './types.ts';

/** Stacked matrices of experts and the rows that they worked on. */
export interface GroupedShape {
  readonly tensor: string;
  /** Role of the tensor. */
  readonly kind: string;
  readonly experts: number;
  /** Of some matrices of a stack the first. */
  readonly first: number;
  /** What the stack shares, of whose matrices these may be some. */
  readonly stack: StackSums;
  /** Rows of one expert's matrix. */
  readonly rows: number;
  readonly columns: number;
  readonly sequences: number;
}

/** Rows of one batch, in the order of experts, in the backend's memory. */
export interface GroupedRows {
  /** Inputs, [slots, columns]. */
  readonly x: Float32Array;
  /** Gradients at the outputs, [slots, rows]. */
  readonly g: Float32Array;
  /** First slot of every expert, [experts + 1]. */
  readonly offsets: Int32Array;
  /** The sequence of every slot, as a place in `owners`; ascending within an expert. [slots] */
  readonly sequence: Int32Array;
  /** Numbers of the sequences. */
  readonly owners: readonly number[];
  /** Tokens of the batch. */
  readonly tokens: number;
}

/**
 * Sums of stacked matrices, each by the rows that its expert got. A token that an expert did not get has no gradient there,
 * so its factors are those of a dense matrix over all tokens, and prices of experts add up.
 */
export class GroupedFactors {
  readonly #kernels: Kernels;
  readonly #shape: GroupedShape;
  readonly #factors: readonly FactorSums[];
  /** Σ_t w_t·x_t·x_tᵀ of the current half, in the backend's memory. */
  readonly #gram: readonly Float32Array[];
  readonly #energy: readonly Float64Array[];
  /** Slots of every expert in the current half. */
  readonly #counts: number[];
  /** Slots of every expert in each finished half. [half][expert] */
  readonly #finished: number[][] = [];
  #tokens = 0;

  /** @param weight the matrices, [experts·rows, columns] */
  constructor(kernels: Kernels, shape: GroupedShape, weight: Float32Array) {
    const { tensor, kind, experts, first, rows, columns, sequences } = shape;
    this.#kernels = kernels;
    this.#shape = shape;
    const each = Array.from({ length: experts }, (_, expert) => expert);
    const stride = sketchStride(rows);
    this.#factors = each.map((expert) => {
      const changed = new Float32Array(Math.ceil(rows / stride) * columns);
      for (let r = 0; r * stride < rows; r++) {
        const from = (expert * rows + r * stride) * columns;
        changed.set(weight.subarray(from, from + columns), r * columns);
      }
      const perturbation = referencePerturbation(changed, columns, stride);
      const matrix = { tensor: expertName(tensor, first + expert), use: 'linear', kind } as const;
      return openFactors(matrix, rows, perturbation, sequences);
    });
    this.#gram = each.map(() => kernels.f32(columns * columns));
    this.#energy = each.map(() => kernels.f64(rows));
    this.#counts = each.map(() => 0);
  }

  /** Adds a batch. */
  add({ x, g, offsets, sequence, owners, tokens }: GroupedRows): void {
    const { columns, rows } = this.#shape;
    this.#tokens += tokens;
    for (const [expert, sums] of this.#factors.entries()) {
      const [from, to] = [offsets[expert], offsets[expert + 1]];
      if (from === to) continue;
      const inputs = x.subarray(from * columns, to * columns);
      const gradients = g.subarray(from * rows, to * rows);
      this.#addExpert(expert, sums, inputs, gradients, sequence.subarray(from, to), owners);
    }
  }

  /** Ends a half of the sequences. Hardly reached experts wait until all of their stack have been counted. */
  finishHalf(): void {
    const half = this.#finished.length;
    const { stack } = this.#shape;
    const counts = [...this.#counts];
    stack.add(half, this.#gram, this.#factors, counts);
    for (const [expert, sums] of this.#factors.entries()) {
      const own = { sums, half, count: counts[expert], tokens: this.#tokens };
      const a = Float32Array.from(this.#gram[expert]);
      const rowEnergy = Float64Array.from(this.#energy[expert]);
      if (own.count < HARDLY_REACHED) stack.wait({ ...own, a, rowEnergy });
      else finishHalf(this.#kernels, sums, { a, rowEnergy, count: this.#tokens }, half);
      this.#gram[expert].fill(0);
      this.#energy[expert].fill(0);
    }
    this.#finished.push(counts);
    this.#counts.fill(0);
    this.#tokens = 0;
  }

  /** Those that are measured by now and were not given yet; the last of a stack give those that waited. Asked for once. */
  takeUses(): UseMeasurement[] {
    const { tensor, first, stack } = this.#shape;
    const [rounding, pricing] = this.#finished;
    for (const [index, sums] of this.#factors.entries())
      stack.measured(sums, { tensor, index: first + index, tokens: [rounding[index], pricing[index]] });
    return stack.ready(this.#kernels);
  }

  close(): void {
    this.#kernels.free(...this.#gram);
    for (const energy of this.#energy) this.#kernels.free(energy);
  }

  #addExpert(
    expert: number,
    sums: FactorSums,
    x: Float32Array,
    g: Float32Array,
    sequence: Int32Array,
    owners: readonly number[],
  ): void {
    const kernels = this.#kernels;
    const { columns, rows } = this.#shape;
    const count = sequence.length;
    this.#counts[expert] += count;
    kernels.scope(() => {
      const weight = kernels.f32(count);
      kernels.rowEnergy(g, this.#energy[expert], weight);
      kernels.gram(x, weight, this.#gram[expert], count, columns);
      const energy = kernels.f64(columns);
      kernels.columnEnergy(x, energy, columns);
      addInputEnergy(sums, energy, count);
      const { delta, rows: changed, stride } = sums.perturbation;
      const change = kernels.f32(count * changed);
      kernels.matmulNT(x, kernels.upload(delta), change, count, changed, columns);
      const numbers = kernels.f64(4);
      const part = (i: number): Float64Array => numbers.subarray(i, i + 1);
      const found = { innerProducts: part(0), squares: part(1), rowProducts: part(2), tokenProducts: part(3) };
      for (let from = 0; from < count; ) {
        let to = from;
        while (to < count && sequence[to] === sequence[from]) to++;
        numbers.fill(0);
        const [changes, gradients] = [
          change.subarray(from * changed, to * changed),
          g.subarray(from * rows, to * rows),
        ];
        kernels.sketch(changes, gradients, rows, stride, to - from, found);
        addToSketch(sums.sketch, numbers, [owners[sequence[from]]]);
        from = to;
      }
    });
  }
}
