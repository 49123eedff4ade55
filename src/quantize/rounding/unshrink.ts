import { readF16, roundScale, writeF16 } from '../../core/float16.ts';
import type { Kernels } from '../../kernels/contract.ts';
import { decodeRows, rowBytes } from '../../numeric/table.ts';
import type { NumberFormat } from '../../numeric/types.ts';

/** Factors closer to 1 would drown in the rounding of the scales to binary16. */
const LEAST_GROWTH = 1e-3;
/** Beyond it a row is not shrunk but lost. */
const LARGEST_GROWTH = 1.25;

/**
 * Gives rounded rows the size of their weights back. What minimizes (w − q)·H·(w − q)ᵀ is orthogonal to its error, so
 * q·H·wᵀ falls short of w·H·wᵀ by that error, in every row alike: outputs lose a few percent of their size together, and
 * such an error costs what the form of single rows does not know. Each row is multiplied by w·H·wᵀ / q·H·wᵀ, which is the
 * factor that makes its output an unbiased estimate of the original's. Formats without scales to multiply stay.
 * What it is worth stands in docs/decisions/006.
 * @param weight [rows, columns]
 * @param image weight·H, [rows, columns]
 * @param blocks [rows, rowBytes], changed
 */
export function unshrink(
  format: NumberFormat,
  columns: number,
  weight: Float32Array,
  image: Float32Array,
  blocks: Uint8Array,
): void {
  if (format.halves === undefined) return;
  const rows = weight.length / columns;
  const stride = rowBytes(format, columns);
  const rounded = decodeRows(format, blocks, columns);
  for (let row = 0; row < rows; row++) {
    const growth = dot(image, weight, row, columns) / dot(image, rounded, row, columns);
    if (!(growth > 1 + LEAST_GROWTH)) continue;
    grow(format, blocks.subarray(row * stride, (row + 1) * stride), Math.min(growth, LARGEST_GROWTH));
  }
}

/** weight·H of the weights last rounded: when candidates are priced, every format gets the same weights. */
export class Images {
  readonly #kernels: Kernels;
  readonly #matrix: Float32Array;
  readonly #columns: number;
  readonly #parts = new Map<number, Float32Array>();
  #weight: Float32Array | undefined;

  /** @param matrix H, [columns, columns] */
  constructor(kernels: Kernels, matrix: Float32Array, columns: number) {
    this.#kernels = kernels;
    this.#matrix = matrix;
    this.#columns = columns;
  }

  /** Of rows [start, end). @param weight [rows, columns] @returns [end − start, columns] */
  rows(weight: Float32Array, start: number, end: number): Float32Array {
    if (this.#weight !== weight) this.#parts.clear();
    this.#weight = weight;
    const known = this.#parts.get(start);
    if (known !== undefined) return known;
    const columns = this.#columns;
    const image = this.#kernels.scope(() => {
      const product = this.#kernels.f32((end - start) * columns);
      const part = this.#kernels.upload(weight.subarray(start * columns, end * columns));
      this.#kernels.matmulNN(part, this.#kernels.upload(this.#matrix), product, end - start, columns, columns);
      return product.slice();
    });
    this.#parts.set(start, image);
    return image;
  }
}

function dot(a: Float32Array, b: Float32Array, row: number, columns: number): number {
  let sum = 0;
  for (let i = row * columns; i < (row + 1) * columns; i++) sum += a[i] * b[i];
  return sum;
}

function grow({ blockBytes, halves }: NumberFormat, blocks: Uint8Array, factor: number): void {
  for (let block = 0; block < blocks.length; block += blockBytes) {
    for (const at of halves!) writeF16(blocks, block + at, roundScale(factor * readF16(blocks, block + at)));
  }
}
