import type { GraphBuilder } from '../graph/build.ts';
import type { DataType, ValueId } from '../graph/types.ts';
import type { Kernels } from '../kernels/contract.ts';

/** What a model's output is judged by, and where pseudo-labels come from. */
export interface Objective {
  readonly name: 'categorical' | 'gaussian';
  /**
   * Adds the gradient of log p(ŷ) at an output, ŷ drawn from the model's own distribution by the input `draws`.
   * @returns the gradient, and, where it is known without sampling, per row the mean over labels of its square
   */
  score(build: GraphBuilder, output: ValueId): { readonly gradient: ValueId; readonly curvature?: ValueId };
  /**
   * Random numbers of the input `draws` for some sequences. One generator per sequence: labels do not depend on how
   * sequences are batched.
   * @param rows outputs per sequence
   * @param width numbers per output
   */
  draws(seed: number, order: readonly number[], rows: number, width: number): Float32Array;
  /** Sums that `score` keeps in states, by name; the first tells how often each output was predicted. */
  readonly sums: readonly { readonly state: string; readonly type: DataType }[];
  /** Σ over rows of E[g_i²] for every output i, from the sums. @param sums in the order of `sums` */
  energy(sums: readonly (Float32Array | Float64Array)[]): Float64Array;
  /**
   * How far the outputs of a model are from those of its reference, row by row, in nats.
   * @param reference outputs in the backend's memory, [rows, width]
   */
  divergence(kernels: Kernels, reference: Float32Array, outputs: Float32Array, width: number): Float32Array;
}
