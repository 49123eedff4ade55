import { plainBackend } from '../backend.ts';
import { recoverPointScales } from '../exact/point.ts';
import { foundPointScales, POINT_BLOCK, type PointScale } from '../search/points/types.ts';
import type { PointGrid } from '../types.ts';

/**
 * `fit` of a format of points.
 * @param writeHeader stores d and every sub-block's a in the block that starts at byte `at`, with the index of its book
 */
export function fitPointScale(
  spec: PointScale,
  blockBytes: number,
  writeHeader: (blocks: Uint8Array, at: number, d: number, a: Int32Array, which: Uint8Array) => void,
): PointGrid['fit'] {
  const subBlocks = POINT_BLOCK / spec.subBlock;
  return (values, importance, blocks, scale, which, backend = plainBackend) => {
    const count = values.length / POINT_BLOCK;
    const found = foundPointScales(spec, count);
    backend.searchPointScales(spec, values, importance, found);
    recoverPointScales(spec, values, found);
    blocks.fill(0);
    for (let i = 0; i < count; i++) {
      const [from, to] = [i * subBlocks, (i + 1) * subBlocks];
      const a = found.a.subarray(from, to);
      writeHeader(blocks, i * blockBytes, found.d[i], a, found.which.subarray(from, to));
      for (let j = 0; j < subBlocks; j++) scale[from + j] = found.d[i] * spec.unit * (2 * a[j] + 1);
    }
    which.set(found.which);
  };
}
