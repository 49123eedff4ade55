import { loadBlock } from './search/block.ts';
import { GROUP, type PointCodes } from './search/points.ts';
import type { NumberFormat, PointGrid } from './types.ts';

/** What a format of points states; `pointFormat` adds the encoder. */
export type PointFormat = Omit<NumberFormat, 'encodeBlocks' | 'grid' | 'points'> & { readonly points: PointGrid };

/** A format whose elements are rounded in groups: the nearest points under the fitted scales are its encoder. */
export function pointFormat(format: PointFormat): NumberFormat {
  const { blockSize, blockBytes, points } = format;
  const { books, subBlock } = points;
  const scale = new Float32Array(blockSize / subBlock);
  const which = new Uint8Array(blockSize / subBlock);
  const x = new Float64Array(blockSize);
  const w = new Float64Array(blockSize);
  const q = new Float64Array(GROUP);
  const codes = pointCodes(points, blockSize);
  return {
    ...format,
    encodeBlocks(values, blocks, importance) {
      for (let i = 0; i * blockSize < values.length; i++) {
        const from = i * blockSize;
        const block = blocks.subarray(i * blockBytes, (i + 1) * blockBytes);
        const part = values.subarray(from, from + blockSize);
        const partImportance = importance?.subarray(from, from + blockSize);
        points.fit(part, partImportance, block, scale, which);
        loadBlock(part, partImportance, 0, blockSize, x, w);
        for (let k = 0; k < blockSize; k++) if (Math.abs(part[k]) === Infinity) x[k] = part[k];
        for (let at = 0; at < blockSize; at += GROUP) {
          const j = Math.floor(at / subBlock);
          books[which[j]].nearest(x, w, at, scale[j], codes, q);
        }
        points.pack(codes, block);
      }
    },
  };
}

/** Room for the codes of `count` values. */
export function pointCodes({ books }: PointGrid, count: number): PointCodes {
  return { entries: new Uint16Array(count / books[0].size), signs: new Uint8Array(count / GROUP) };
}
