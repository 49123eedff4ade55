import type { Kernels } from '../kernels/contract.ts';
import type { NumberFormat } from '../numeric/types.ts';

/** Rows of one matrix to be rounded into one format. Rows are independent of each other, so any slice of a matrix is a task. */
export interface RoundingTask {
  readonly kernels: Kernels;
  readonly format: NumberFormat;
  readonly rows: number;
  readonly columns: number;
  /** [rows, columns] */
  readonly weight: Float32Array;
  /** What an error costs: E[|g|²·x·xᵀ] of the matrix's inputs. */
  readonly curvature: Curvature;
}

/** The input side of the KL form of one matrix, as rounding uses it: error δ of a row costs ∝ δ·A·δᵀ. */
export interface Curvature {
  readonly columns: number;
  /** [columns, columns], symmetric, positive semi-definite; undefined when only its diagonal is known. */
  readonly matrix?: Float32Array;
  /** [columns] */
  readonly diagonal: Float32Array;
}

/** A way to turn weights into blocks of a format. One file each in `rounding/`. */
export interface RoundingMethod {
  readonly name: RoundingName;
  /** Writes blocks [rows, columns / blockSize] of `task.format`. */
  round(task: RoundingTask, blocks: Uint8Array): void;
}

export type RoundingName = 'nearest' | 'gptq';
