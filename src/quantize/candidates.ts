import type { Magnitudes } from '../model/magnitudes.ts';
import type { ModelTensor } from '../model/types.ts';
import { largestOf } from '../numeric/largest.ts';
import { formats } from '../numeric/table.ts';
import type { NumberFormat } from '../numeric/types.ts';

/** What decides which formats hold a matrix. */
export interface MatrixFacts {
  /** Values of a row. */
  readonly columns: number;
  /** Largest magnitude of its values, default unknown: then no format is refused for it. */
  readonly largest?: number;
}

export function matrixFacts({ name, shape }: ModelTensor, magnitudes: Magnitudes): MatrixFacts {
  return { columns: shape[1], largest: magnitudes.get(name) };
}

/** Whether GGUF can hold the format, it can be written, its blocks divide the rows, and it reaches the largest value. */
export function fits(format: NumberFormat, { columns, largest = 0 }: MatrixFacts): boolean {
  if (format.gguf === undefined || format.encodeBlocks === undefined) return false;
  return columns % format.blockSize === 0 && largest <= largestOf(format);
}

/**
 * Formats the allocator may choose from for a matrix, fewest bits first.
 * @param palette names to choose from; default all that runtimes in use load
 */
export function candidates(matrix: MatrixFacts, palette?: readonly string[]): NumberFormat[] {
  return [...formats.values()]
    .filter((format) => format.name !== 'F32' && fits(format, matrix))
    .filter((format) => (palette === undefined ? !format.gguf?.recent : palette.includes(format.name)))
    .sort((a, b) => a.blockBytes / a.blockSize - b.blockBytes / b.blockSize || (a.name < b.name ? -1 : 1));
}

/**
 * The format itself where it holds the matrix, otherwise the smallest one that does and has at least its bits
 * (llama-quantize substitutes by a fixed table; this rule names the cheapest that loses nothing).
 */
export function storable(format: NumberFormat, matrix: MatrixFacts): NumberFormat {
  if (fits(format, matrix)) return format;
  const bits = format.blockBytes / format.blockSize;
  return candidates(matrix).find((other) => other.blockBytes / other.blockSize >= bits) ?? formats.get('F32')!;
}
