import type { EncodeBackend } from './backend.ts';
import type { EntropyCoder } from './entropy/types.ts';
import type { Passes } from './passes.ts';
import type { PointBook, PointCodes } from './search/points/types.ts';

/** How a number format stores values: blocks of `blockSize` consecutive values of a row in `blockBytes` bytes. */
export interface NumberFormat {
  /** The field's name: `F32`, `Q4_K`, `IQ4_XS`. Unique in the registry. */
  readonly name: string;
  /** Values per block; a row's length must be a multiple of it. */
  readonly blockSize: number;
  /** Bytes per block, scales and padding included. */
  readonly blockBytes: number;
  /** Ids in GGUF files; absent when GGUF cannot hold the format. */
  readonly gguf?: GgufIds;
  /** Dtype string in safetensors, when it has one: `BF16`. */
  readonly safetensors?: string;
  /** How compressed-tensors calls it, when it can hold it: `pack-quantized`. */
  readonly compressedTensors?: string;
  /** ONNX tensor element type, when the values of a quantized tensor can be of it: `INT4`. */
  readonly onnx?: string;
  /** Largest finite magnitude of a format without scales; `largestOf` tells it of every format. */
  readonly largest?: number;
  /** Least and largest level before scales, where `grid` and `points` do not tell. */
  readonly range?: readonly [number, number];
  /** blocks.length / blockBytes blocks → the same number of blocks of float32 values. */
  decodeBlocks(blocks: Uint8Array, values: Float32Array): void;
  /**
   * Nearest rounding with scales searched to minimize Σ importance·(x − q)²; blocks on a grid of the format lose nothing.
   * `importance` has one entry per value (same length as `values`), default all ones; what is negative or not finite
   * counts as 0. Formats with a grid take NaN as 0 and ±Inf as their outermost level; the float formats keep both.
   * Absent on formats that can only be read.
   * @param backend who computes, default plain JavaScript
   */
  encodeBlocks?(values: Float32Array, blocks: Uint8Array, importance?: Float32Array, backend?: EncodeBackend): void;
  /**
   * Bytes of a block at which its binary16 scales and offsets stand, when it has no others: a block with all of them times
   * c decodes to c times its values.
   */
  readonly halves?: readonly number[];
  /**
   * The format as a scalar grid: value = scale[sub-block]·level[code] + offset[sub-block]. Present on every block
   * format whose elements are rounded one by one; rounding methods with feedback (GPTQ) work on it.
   */
  readonly grid?: ScalarGrid;
  /**
   * The format as points: value = ±scale[sub-block]·magnitude, magnitudes of several values together out of a book.
   * Present where `grid` cannot be.
   */
  readonly points?: PointGrid;
  /** What kernels decode the blocks by, where that is codes under scales. */
  readonly passes?: Passes;
}

/**
 * A format that is no sequence of equal blocks: scales per channel or tensor, a header, rows of any length, or a length
 * that depends on the values. A tensor is `rows` rows of `columns` values; rows follow from the number of values.
 */
export interface TensorFormat {
  /** Unique in the registry. */
  readonly name: string;
  /** What shares a scale, in words: `channel`, `16 in tensor`. */
  readonly block: string;
  readonly safetensors?: string;
  readonly compressedTensors?: string;
  readonly onnx?: string;
  readonly range?: readonly [number, number];
  /** What kernels decode the bytes by, where that is codes under scales. */
  readonly passes?: Passes;
  /** Length depends on the values: `storedBytes` is then an upper bound. */
  readonly isVariable?: boolean;
  /** Another format's bytes under an entropy code: kernels undo the code, then decode those. */
  readonly coded?: {
    readonly format: NumberFormat | TensorFormat;
    code(packed: Uint8Array, columns: number, length: number, coder: EntropyCoder): Uint8Array;
    /** Undoes `code`. @returns bytes of `format` @throws FormatError when the bytes cannot be such a tensor */
    uncode(bytes: Uint8Array, columns: number, length: number, coder: EntropyCoder): Uint8Array;
  };
  /** Bytes of a tensor, all headers, scales and padding included. */
  storedBytes(rows: number, columns: number): number;
  /**
   * Nearest rounding, scales searched as `NumberFormat.encodeBlocks` does, with the same rules for odd input.
   * @param values [rows, columns]
   * @param importance [columns] or [rows, columns]; default all ones
   * @param backend who computes, default plain JavaScript
   */
  encode(values: Float32Array, columns: number, importance?: Float32Array, backend?: EncodeBackend): Uint8Array;
  /** @param values [rows, columns] out @throws FormatError when the bytes cannot be such a tensor */
  decode(bytes: Uint8Array, columns: number, values: Float32Array): void;
}

export interface GgufIds {
  /** ggml_type */
  readonly type: number;
  /** llama_ftype for `general.file_type` when this is the majority type. */
  readonly fileType: number;
  /** Whether runtimes built on a llama.cpp before 2026 refuse files that hold it: nobody is given it without asking. */
  readonly recent?: boolean;
}

/** A block format seen as points of a code book under a scale per sub-block, so that groups can be rounded one at a time. */
export interface PointGrid {
  /** Values that share one scale: whole groups; divides blockSize. */
  readonly subBlock: number;
  /** A sub-block keeps to one of them. */
  readonly books: readonly PointBook[];
  /**
   * Searches scales of `values.length / blockSize` blocks, stores them in the blocks' header bytes and returns them as
   * `decodeBlocks` will use them: a value decodes to ±scale·magnitude bit for bit. All other bytes are left zero.
   * @param scale [blocks, blockSize/subBlock] out, not negative
   * @param which [blocks, blockSize/subBlock] out: index of the sub-block's book
   * @param backend who computes, default plain JavaScript
   */
  fit(
    values: Float32Array,
    importance: Float32Array | undefined,
    blocks: Uint8Array,
    scale: Float32Array,
    which: Uint8Array,
    backend?: EncodeBackend,
  ): void;
  /** Writes codes, in the order of values, into blocks whose header `fit` wrote. */
  pack(codes: PointCodes, blocks: Uint8Array): void;
}

/** A block format seen as scale·level + offset per sub-block, so that elements can be rounded one at a time. */
export interface ScalarGrid {
  /** Values that share one scale and offset; divides blockSize. */
  readonly subBlock: number;
  /**
   * The levels in ascending order, index = position used in `codes`; before scale and offset. Integers within
   * −128 … 127, so that scale·level is exact in float32 and the value is rounded once, by + offset.
   */
  readonly levels: Float32Array;
  /**
   * Searches scales (and offsets) of `values.length / blockSize` blocks, stores them in the blocks' header bytes, and
   * returns them exactly as `decodeBlocks` will use them: a value decodes to fround(scale·level + offset) bit for bit.
   * Code bytes of the blocks are left zero.
   * @param scale [blocks, blockSize/subBlock] out; may be negative or zero
   * @param offset [blocks, blockSize/subBlock] out; 0 for symmetric formats
   * @param backend who computes, default plain JavaScript
   */
  fit(
    values: Float32Array,
    importance: Float32Array | undefined,
    blocks: Uint8Array,
    scale: Float32Array,
    offset: Float32Array,
    backend?: EncodeBackend,
  ): void;
  /** Writes codes (index into `levels`, one per value, in the order of values) into blocks whose header `fit` wrote. */
  pack(codes: Uint8Array, blocks: Uint8Array): void;
}
