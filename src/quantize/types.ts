import type { Kernels } from '../kernels/contract.ts';
import type { NumberFormat } from '../numeric/types.ts';

/** The input side of the KL form of one matrix, A = E[|g|²·x·xᵀ], as rounding uses it: error δ of a row costs ∝ δ·A·δᵀ. */
export interface Curvature {
  readonly columns: number;
  /** [columns, columns], symmetric, positive semi-definite; undefined when only its diagonal is known. */
  readonly matrix?: Float32Array;
  /** [columns] */
  readonly diagonal: Float32Array;
  /**
   * Share of the mean diagonal to add to the diagonal, so that directions which the text hardly showed cost something:
   * the more, the less sure the matrix is.
   */
  readonly damping: number;
}

/** A way to turn weights into blocks of a format. One file each in `rounding/`. */
export interface RoundingMethod {
  readonly name: RoundingName;
  /** Makes ready to round weights whose errors cost what `curvature` says; formats share what they can. */
  prepare(kernels: Kernels, curvature: Curvature): Rounder;
}

/** Rounds any rows of the matrix: weight [rows, columns] to blocks [rows, columns / blockSize] of `format`. */
export type Rounder = (format: NumberFormat, weight: Float32Array, blocks: Uint8Array) => void;

/** What files are made with; the first is the default. */
export const roundingNames = ['gptq', 'nearest'] as const;
/** Beside those, another tool's, so that its files can be compared with. */
export type RoundingName = (typeof roundingNames)[number] | 'llama-quantize';
