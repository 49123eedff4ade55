import type { Kernels } from '../kernels/contract.ts';
import type { CacheFormats, ModelConfig } from '../model/types.ts';
import { decodeRows, encodeRows, format, rowBytes } from '../numeric/table.ts';
import type { NumberFormat } from '../numeric/types.ts';

/** Keys or values of one block, of all tokens of one sequence. */
export interface CacheRows {
  /**
   * Stores the rows of new tokens behind the `past` first ones.
   * @param rows [new tokens, width]
   * @returns float32 [past + new tokens, width] as they are stored, valid until the next call on any cache
   */
  extend(rows: Float32Array, past: number): Float32Array;
}

/** The KV cache of a whole model for one sequence, in the backend's memory. */
export class KvCache {
  readonly #kernels: Kernels;
  readonly #arrays: (Float32Array | Uint8Array)[] = [];
  readonly #width: number;
  readonly #capacity: number;
  readonly layers: readonly { readonly k: CacheRows; readonly v: CacheRows }[];

  /**
   * @param capacity tokens that it can hold
   * @param formats default float32 everywhere
   */
  constructor(kernels: Kernels, config: ModelConfig, capacity: number, formats?: CacheFormats) {
    this.#kernels = kernels;
    this.#width = config.kvHeads * config.headDim;
    this.#capacity = capacity;
    const kind = (names?: readonly string[]): CacheRows[] => {
      // Blocks run one after the other: one tile of floats serves all whose rows are stored otherwise.
      let tile: Float32Array | undefined;
      return Array.from({ length: config.layers }, (_, layer) => {
        const stored = format(names?.[layer] ?? 'F32');
        if (stored.name === 'F32') return floatRows(this.#floats(), this.#width);
        tile ??= this.#floats();
        return packedRows(kernels, stored, this.#bytes(stored), tile, this.#width);
      });
    };
    const [k, v] = [kind(formats?.k), kind(formats?.v)];
    this.layers = k.map((rows, layer) => ({ k: rows, v: v[layer] }));
  }

  close(): void {
    this.#kernels.free(...this.#arrays);
  }

  #floats(): Float32Array {
    const array = this.#kernels.f32(this.#capacity * this.#width);
    this.#arrays.push(array);
    return array;
  }

  #bytes(stored: NumberFormat): Uint8Array {
    const array = this.#kernels.u8(this.#capacity * rowBytes(stored, this.#width));
    this.#arrays.push(array);
    return array;
  }
}

function floatRows(all: Float32Array, width: number): CacheRows {
  return {
    extend(rows, past) {
      all.set(rows, past * width);
      return all.subarray(0, past * width + rows.length);
    },
  };
}

function packedRows(
  kernels: Kernels,
  stored: NumberFormat,
  blocks: Uint8Array,
  tile: Float32Array,
  width: number,
): CacheRows {
  const stride = rowBytes(stored, width);
  return {
    extend(rows, past) {
      const end = past + rows.length / width;
      // one row takes less time than the call of a kernel
      const backend = rows.length > width ? kernels : undefined;
      encodeRows(stored, rows, width, undefined, blocks.subarray(past * stride, end * stride), backend);
      const values = tile.subarray(0, end * width);
      kernels.decode(stored, blocks.subarray(0, end * stride), width, values);
      return values;
    },
  };
}

/** What remains of keys or values that go through a format, in place. @param rows whole heads */
export function roundRows(kernels: Kernels, formatName: string, rows: Float32Array, headDim: number): void {
  if (formatName === 'F32') return;
  const stored = format(formatName);
  decodeRows(stored, encodeRows(stored, rows, headDim, undefined, undefined, kernels), headDim, rows);
}
