import { nearestTable, TABLE_SIZE } from './levels.ts';
import type { NumberFormat, ScalarGrid } from './types.ts';

/** What a block format states; `gridFormat` adds the encoder. */
export type GridFormat = Omit<NumberFormat, 'encodeBlocks' | 'grid'> & { readonly grid: ScalarGrid };

/** A format whose elements are rounded one by one: nearest rounding on the fitted grid is its encoder. */
export function gridFormat(format: GridFormat): NumberFormat {
  const { blockSize, blockBytes, grid } = format;
  const chunk = Math.max(1, 4096 / blockSize); // blocks at a time
  const nearest = nearestTable(grid.levels);
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
        nearestCodes(nearest, grid.subBlock, part, scale, offset, partCodes);
        grid.pack(partCodes, into);
      }
    },
  };
}

/**
 * Code of the level nearest to each value. NaN counts as 0, ±Inf takes the outermost level; under a scale of 0 every
 * code decodes to the offset, and the one nearest to level 0 is taken.
 * @param nearest table of the levels
 * @param scale [values.length / subBlock]
 * @param offset [values.length / subBlock]
 * @param codes [values.length] out
 */
export function nearestCodes(
  nearest: Uint8Array,
  subBlock: number,
  values: Float32Array,
  scale: Float32Array,
  offset: Float32Array,
  codes: Uint8Array,
): void {
  const last = TABLE_SIZE - 1;
  for (let j = 0, start = 0; start < values.length; j++, start += subBlock) {
    const halfSteps = scale[j] === 0 ? 0 : 2 / scale[j];
    const zero = TABLE_SIZE / 2 - offset[j] * halfSteps;
    for (let i = start; i < start + subBlock; i++) {
      const value = values[i];
      const entry = value * halfSteps + zero;
      // NaN, also from Inf·0, fails every comparison
      if (entry >= 0) codes[i] = nearest[entry < last ? Math.trunc(entry) : last];
      else codes[i] = entry < 0 ? nearest[0] : nearest[Math.trunc(Math.min(Math.max(zero, 0), last))];
    }
  }
}
