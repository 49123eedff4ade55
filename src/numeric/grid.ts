import type { NumberFormat, ScalarGrid } from './types.ts';

/** What a block format states; `gridFormat` adds the encoder. */
export type GridFormat = Omit<NumberFormat, 'encodeBlocks' | 'grid'> & { readonly grid: ScalarGrid };

/** A format whose elements are rounded one by one: nearest rounding on the fitted grid is its encoder. */
export function gridFormat(format: GridFormat): NumberFormat {
  const { blockSize, blockBytes, grid } = format;
  const chunk = Math.max(1, 4096 / blockSize); // blocks at a time
  const perBlock = blockSize / grid.subBlock;
  const scale = new Float32Array(chunk * perBlock);
  const offset = new Float32Array(chunk * perBlock);
  const codes = new Uint8Array(chunk * blockSize);
  return {
    ...format,
    encodeBlocks(values, blocks, importance) {
      const count = values.length / blockSize;
      for (let start = 0; start < count; start += chunk) {
        const end = Math.min(start + chunk, count);
        const part = values.subarray(start * blockSize, end * blockSize);
        const into = blocks.subarray(start * blockBytes, end * blockBytes);
        const partCodes = codes.subarray(0, part.length);
        grid.fit(part, importance?.subarray(start * blockSize, end * blockSize), into, scale, offset);
        nearestCodes(grid, part, scale, offset, partCodes);
        grid.pack(partCodes, into);
      }
    },
  };
}

/**
 * Code of the level nearest to each value: NaN counts as 0, ±Inf takes the outermost level.
 * @param scale [values.length / subBlock]
 * @param offset [values.length / subBlock]
 * @param codes [values.length] out
 */
export function nearestCodes(
  grid: ScalarGrid,
  values: Float32Array,
  scale: Float32Array,
  offset: Float32Array,
  codes: Uint8Array,
): void {
  const { levels, subBlock } = grid;
  const last = levels.length - 1;
  const isUniform = levels[last] - levels[0] === last;
  for (let j = 0; j * subBlock < values.length; j++) {
    const inverse = scale[j] === 0 ? 0 : 1 / scale[j];
    for (let i = j * subBlock; i < (j + 1) * subBlock; i++) {
      const value = Number.isNaN(values[i]) ? 0 : values[i];
      // with scale 0 every level decodes to the offset: take the level nearest to 0, ±Inf included
      const position = inverse === 0 ? 0 : (value - offset[j]) * inverse;
      codes[i] = isUniform ? nearestInteger(position - levels[0], last) : nearestLevel(levels, position);
    }
  }
}

function nearestInteger(position: number, last: number): number {
  if (!(position > 0)) return 0;
  return position < last ? Math.trunc(position + 0.5) : last;
}

/** Index of the nearest of ascending levels, by halving. */
function nearestLevel(levels: Float32Array, position: number): number {
  let low = 0;
  let high = levels.length - 1;
  while (high - low > 1) {
    const middle = (low + high) >> 1;
    if (levels[middle] <= position) low = middle;
    else high = middle;
  }
  return position - levels[low] < levels[high] - position ? low : high;
}

/** The integers low … high as levels. */
export function integerLevels(low: number, high: number): Float32Array {
  return Float32Array.from({ length: high - low + 1 }, (_, i) => low + i);
}
