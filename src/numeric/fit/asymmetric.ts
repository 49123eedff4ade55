import { LARGEST_F16, roundScale, writeF16 } from '../../core/float16.ts';
import { plainBackend } from '../backend.ts';
import type { AffineSearch, BlockAffine, SuperAffine } from '../search/grid/types.ts';
import type { ScalarGrid } from '../types.ts';
import { fittedScales } from './scales.ts';

type Fit = ScalarGrid['fit'];

/** `fit` of a format with a binary16 scale and a binary16 minimum at the start of each block: Q4_1, Q5_1. */
export function fitAffine(blockSize: number, blockBytes: number, search: AffineSearch): Fit {
  const spec: BlockAffine = { kind: 'affine', subBlocks: 1, subBlock: blockSize, search };
  return (values, importance, blocks, scale, offset, backend = plainBackend) => {
    const count = values.length / blockSize;
    const found = fittedScales(spec, values, importance, backend);
    blocks.fill(0);
    for (let i = 0; i < count; i++) {
      let d = found.d[i];
      let minimum = found.minimum[i];
      const opposite = minimum + d * search.maximum;
      if (Math.abs(minimum) > LARGEST_F16 && Math.abs(opposite) < LARGEST_F16) {
        // the other end of the grid can be stored: count from there
        d = -d;
        minimum = opposite;
      }
      scale[i] = writeF16(blocks, i * blockBytes, roundScale(d));
      offset[i] = writeF16(blocks, i * blockBytes + 2, roundScale(minimum));
    }
  };
}

/** What one block's header holds. */
export interface SuperAffineHeader {
  /** As binary16 stores them. */
  readonly d: number;
  readonly dmin: number;
  /** Integers of the scales and of the minimums. [subBlocks] */
  readonly a: Int32Array;
  readonly b: Int32Array;
}

/**
 * `fit` of a format with scales d·a and minimums −dmin·b.
 * @param writeHeader stores them in the block that starts at byte `at`
 */
export function fitSuperAffine(
  search: Omit<SuperAffine, 'kind'>,
  blockBytes: number,
  writeHeader: (blocks: Uint8Array, at: number, header: SuperAffineHeader) => void,
): Fit {
  const spec: SuperAffine = { kind: 'superAffine', ...search };
  const { subBlocks, subBlock } = spec;
  return (values, importance, blocks, scale, offset, backend = plainBackend) => {
    const count = values.length / (subBlocks * subBlock);
    const found = fittedScales(spec, values, importance, backend);
    blocks.fill(0);
    for (let i = 0; i < count; i++) {
      const [from, to] = [i * subBlocks, (i + 1) * subBlocks];
      const [d, dmin] = [found.d[i], found.minimum[i]];
      const [a, b] = [found.a.subarray(from, to), found.b.subarray(from, to)];
      writeHeader(blocks, i * blockBytes, { d, dmin, a, b });
      for (let j = 0; j < subBlocks; j++) {
        scale[from + j] = d * a[j];
        offset[from + j] = -dmin * b[j];
      }
    }
  };
}
