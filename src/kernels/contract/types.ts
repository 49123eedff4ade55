import type { Activation, GateActivation } from '../program.ts';

export type { Activation, GateActivation };

export interface PackedMatrix {
  /** Numeric registry name. */
  readonly format: string;
  /** In the backend's memory; [rows, columns / blockSize] blocks. */
  readonly blocks: Uint8Array;
  readonly rows: number;
  readonly columns: number;
}

export interface RopeShape {
  readonly heads: number;
  readonly headDim: number;
  /** Leading dimensions of each head that are rotated. */
  readonly dimensions: number;
  readonly style: 'interleaved' | 'halves';
}

export interface AttentionShape {
  readonly sequences: number;
  readonly length: number;
  readonly past: number;
  /** Rows reserved per sequence in k and v. */
  readonly capacity: number;
  readonly heads: number;
  readonly kvHeads: number;
  readonly headDim: number;
  /** Factor of scores, default 1/√headDim. */
  readonly scale?: number;
  /**
   * The query at position p sees the keys p − window + 1 … p, without a causal mask all with |p − key| < window.
   * Default: no window.
   */
  readonly window?: number;
  /** Queries see the keys of their own chunk of the sequence alone; in the place of a window. Default: no chunks. */
  readonly chunk?: number;
  /** Whether queries see no later keys, default true. */
  readonly causal?: boolean;
  /** Scaled scores s become c·tanh(s/c), before the mask. Default: as they are. @see Gemma 2 (2024), section 2 */
  readonly softcap?: number;
}

export interface LogitComparison {
  readonly kl: Float32Array;
  readonly nllP: Float32Array;
  readonly nllQ: Float32Array;
  readonly agree: Float32Array;
}

export interface RoundBlockTask {
  readonly rows: number;
  readonly columns: number;
  readonly weight: Float32Array;
  readonly target: Float32Array;
  readonly u: Float32Array;
  readonly scale: Float32Array;
  readonly offset: Float32Array;
  /** Scales per row in this block. */
  readonly subBlocks: number;
  readonly subBlock: Int32Array;
  /** Ascending levels; `uniform` when they are consecutive integers (then rounding needs no search). */
  readonly levels: Float32Array;
  readonly codes: Uint8Array;
  readonly error: Float32Array;
}

/** Square windows over images. outHeight = ⌊(height + 2·padding − kernel)/stride⌋ + 1, outWidth as well. */
export interface WindowShape {
  readonly images: number;
  readonly height: number;
  readonly width: number;
  readonly channels: number;
  /** Side of a window. */
  readonly kernel: number;
  /** From one window to the next. */
  readonly stride: number;
  /** Pixels around the image on each side. */
  readonly padding: number;
}

/** One entry per sequence, in the backend's memory. @see SumKernels.sketch */
export interface SketchSums {
  readonly innerProducts: Float64Array;
  readonly squares: Float64Array;
  readonly rowProducts: Float64Array;
  readonly tokenProducts: Float64Array;
}

/** Convolutions along sequences, a channel at a time. */
export interface ConvolutionShape {
  readonly sequences: number;
  /** New tokens of each. */
  readonly length: number;
  /** Tokens read before; default 0. */
  readonly past?: number;
  readonly channels: number;
  /** Tokens that one output sees, its own the last. */
  readonly taps: number;
}

/** @see SequenceKernels.linearAttention */
export interface LinearAttentionShape {
  readonly sequences: number;
  /** New tokens of each. */
  readonly length: number;
  /** Tokens read before; default 0. */
  readonly past?: number;
  readonly heads: number;
  /** Heads of queries and keys, which divide the others. */
  readonly keyHeads: number;
  readonly keyDim: number;
  readonly valueDim: number;
  /** Head h takes the queries and keys of head h mod keyHeads where `tiled`, else of ⌊h·keyHeads/heads⌋. */
  readonly tiled: boolean;
  /** Whether what a key holds already is taken off before it is written. */
  readonly delta: boolean;
  readonly scale: number;
}
