import { LARGEST_F16, roundScale, writeF16 } from '../../core/float16.ts';
import type { ScalarGrid } from '../types.ts';
import { type AffineSearch, searchAffine, solution } from './affine.ts';
import { loadBlock } from './block.ts';
import { CodeSums } from './correlate.ts';
import { type SuperAffine, type SuperAffineResult, searchSuperAffine } from './superaffine.ts';

type Fit = ScalarGrid['fit'];

const sums = new CodeSums();

/** `fit` of a format with a binary16 scale and a binary16 minimum at the start of each block: Q4_1, Q5_1. */
export function fitAffine(blockSize: number, blockBytes: number, search: AffineSearch): Fit {
  const x = new Float64Array(blockSize);
  const w = new Float64Array(blockSize);
  return (values, importance, blocks, scale, offset) => {
    const count = values.length / blockSize;
    blocks.fill(0);
    for (let i = 0; i < count; i++) {
      loadBlock(values, importance, i * blockSize, blockSize, x, w);
      searchAffine(search, x, w, 0, blockSize, sums);
      let d = solution[0];
      let minimum = solution[1];
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

/**
 * `fit` of a format with scales d·a and minimums −dmin·b.
 * @param writeHeader stores the result in the block that starts at byte `at`
 */
export function fitSuperAffine(
  spec: SuperAffine,
  blockBytes: number,
  writeHeader: (blocks: Uint8Array, at: number, result: SuperAffineResult) => void,
): Fit {
  const { subBlocks } = spec;
  const blockSize = subBlocks * spec.subBlock;
  const x = new Float64Array(blockSize);
  const w = new Float64Array(blockSize);
  const result: SuperAffineResult = { d: 0, dmin: 0, a: new Int32Array(16), b: new Int32Array(16) };
  return (values, importance, blocks, scale, offset) => {
    const count = values.length / blockSize;
    blocks.fill(0);
    for (let i = 0; i < count; i++) {
      loadBlock(values, importance, i * blockSize, blockSize, x, w);
      searchSuperAffine(spec, x, w, result);
      writeHeader(blocks, i * blockBytes, result);
      for (let j = 0; j < subBlocks; j++) {
        scale[i * subBlocks + j] = result.d * result.a[j];
        offset[i * subBlocks + j] = -result.dmin * result.b[j];
      }
    }
  };
}
