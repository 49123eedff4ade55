import { plainBackend } from './backend.ts';
import { loadBlock } from './search/block.ts';
import { GROUP } from './search/points/points.ts';
import type { PointCodes } from './search/points/types.ts';
import type { NumberFormat, PointGrid } from './types.ts';

/** What a format of points states; `pointFormat` adds the encoder. */
export type PointFormat = Omit<NumberFormat, 'encodeBlocks' | 'grid' | 'points'> & { readonly points: PointGrid };

/** Blocks encoded at a time. */
const CHUNK = 16;

/** A format whose elements are rounded in groups: the nearest points under the fitted scales are its encoder. */
export function pointFormat(format: PointFormat): NumberFormat {
  const { blockSize, blockBytes, points } = format;
  const { books, subBlock } = points;
  const size = CHUNK * blockSize;
  const scale = new Float32Array(size / subBlock);
  const which = new Uint8Array(size / subBlock);
  const room = groupRoom(size);
  return {
    ...format,
    encodeBlocks(values, blocks, importance, backend = plainBackend) {
      for (let from = 0; from < values.length; from += size) {
        const part = values.subarray(from, from + size);
        const partImportance = importance?.subarray(from, from + size);
        const at = (from / blockSize) * blockBytes;
        const into = blocks.subarray(at, at + (part.length / blockSize) * blockBytes);
        points.fit(part, partImportance, into, scale, which, backend);
        const { x, w, q } = room;
        for (let i = 0; i < part.length; i += blockSize) {
          loadBlock(part, partImportance, i, blockSize, x.subarray(i, i + blockSize), w.subarray(i, i + blockSize));
        }
        for (let i = 0; i < part.length; i++) if (Math.abs(part[i]) === Infinity) x[i] = part[i];
        const groups = part.length / GROUP;
        for (let g = 0; g < groups; g++) {
          const j = Math.floor((g * GROUP) / subBlock);
          room.scale[g] = scale[j];
          room.which[g] = which[j];
        }
        const codes = pointCodes(points, part.length);
        backend.nearestPoints({
          books,
          x: x.subarray(0, part.length),
          w: w.subarray(0, part.length),
          scale: room.scale.subarray(0, groups),
          which: room.which.subarray(0, groups),
          codes,
          q: q.subarray(0, part.length),
        });
        points.pack(codes, into);
      }
    },
  };
}

/** Values and weights of `count` values in groups, what each group is rounded with, and its levels. */
function groupRoom(count: number) {
  return {
    x: new Float64Array(count),
    w: new Float64Array(count),
    q: new Float64Array(count),
    scale: new Float32Array(count / GROUP),
    which: new Uint8Array(count / GROUP),
  };
}

/** Room for the codes of `count` values. */
export function pointCodes({ books }: PointGrid, count: number): PointCodes {
  return { entries: new Uint16Array(count / books[0].size), signs: new Uint8Array(count / GROUP) };
}
