import { formats } from '../numeric/table.ts';
import type { NumberFormat } from '../numeric/types.ts';

/** Whether GGUF can hold the format, it can be written, and rows of `columns` values fill its blocks. */
export function fits(format: NumberFormat, columns: number): boolean {
  return format.gguf !== undefined && format.encodeBlocks !== undefined && columns % format.blockSize === 0;
}

/**
 * Formats the allocator may choose from for a matrix with rows of `columns` values, fewest bits first.
 * @param palette names to choose from; default all that runtimes in use load
 */
export function candidates(columns: number, palette?: readonly string[]): NumberFormat[] {
  return [...formats.values()]
    .filter((format) => format.name !== 'F32' && fits(format, columns))
    .filter((format) => (palette === undefined ? !format.gguf?.recent : palette.includes(format.name)))
    .sort((a, b) => a.blockBytes / a.blockSize - b.blockBytes / b.blockSize || (a.name < b.name ? -1 : 1));
}

/**
 * The format itself where the shape allows it, otherwise the smallest one that fits and has at least its bits
 * (llama-quantize substitutes by a fixed table; this rule names the cheapest that loses nothing).
 */
export function storable(format: NumberFormat, columns: number): NumberFormat {
  if (fits(format, columns)) return format;
  const bits = format.blockBytes / format.blockSize;
  return candidates(columns).find((other) => other.blockBytes / other.blockSize >= bits) ?? formats.get('F32')!;
}
