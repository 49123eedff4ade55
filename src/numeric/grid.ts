import { plainBackend } from './backend.ts';
import { nearestTable } from './levels.ts';
import type { NumberFormat, ScalarGrid } from './types.ts';

/** What a block format states; `gridFormat` adds the encoder. */
export type GridFormat = Omit<NumberFormat, 'encodeBlocks' | 'grid'> & { readonly grid: ScalarGrid };

/** Values encoded at a time: calls of kernels cost some microseconds each. */
const CHUNK = 2 ** 15;

/** A format whose elements are rounded one by one: nearest rounding on the fitted grid is its encoder. */
export function gridFormat(format: GridFormat): NumberFormat {
  const { blockSize, blockBytes, grid } = format;
  const chunk = Math.max(1, CHUNK / blockSize); // blocks at a time
  const nearest = nearestTable(grid.levels);
  const perBlock = blockSize / grid.subBlock;
  const scale = new Float32Array(chunk * perBlock);
  const offset = new Float32Array(chunk * perBlock);
  const codes = new Uint8Array(chunk * blockSize);
  return {
    ...format,
    encodeBlocks(values, blocks, importance, backend = plainBackend) {
      const count = values.length / blockSize;
      for (let start = 0; start < count; start += chunk) {
        const end = Math.min(start + chunk, count);
        const part = values.subarray(start * blockSize, end * blockSize);
        const into = blocks.subarray(start * blockBytes, end * blockBytes);
        const partCodes = codes.subarray(0, part.length);
        grid.fit(part, importance?.subarray(start * blockSize, end * blockSize), into, scale, offset, backend);
        backend.nearestCodes(nearest, grid.subBlock, part, scale, offset, partCodes);
        grid.pack(partCodes, into);
      }
    },
  };
}
