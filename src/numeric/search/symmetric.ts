import { roundScale, writeF16 } from '../../core/float16.ts';
import type { ScalarGrid } from '../types.ts';
import { loadBlock } from './block.ts';
import { CodeSums, correlate } from './correlate.ts';
import { type ScaleSearch, searchScale } from './scale.ts';
import { type SuperScale, searchSuperScale } from './superscale.ts';

type Fit = ScalarGrid['fit'];

const SMALLEST_NORMAL_F16 = 2 ** -14;

const sums = new CodeSums();

/** `fit` of a format with one binary16 scale per block, stored at byte `at`. */
export function fitScale(blockSize: number, blockBytes: number, at: number, search: ScaleSearch): Fit {
  const x = new Float64Array(blockSize);
  const w = new Float64Array(blockSize);
  return (values, importance, blocks, scale, offset) => {
    const count = values.length / blockSize;
    blocks.fill(0);
    for (let i = 0; i < count; i++) {
      loadBlock(values, importance, i * blockSize, blockSize, x, w);
      let d = roundScale(searchScale(search, x, w, 0, blockSize, sums));
      if (Math.abs(d) < SMALLEST_NORMAL_F16) {
        // so coarse that all zeros may be better, where no level is 0
        correlate(search.table, x, w, 0, blockSize, d || 1, 0, sums);
        if (sums.error(d, 0) >= 0) d = 0;
      }
      scale[i] = writeF16(blocks, i * blockBytes + at, d);
      offset[i] = 0;
    }
  };
}

/**
 * `fit` of a format with scales d·integer.
 * @param writeHeader stores d and the integers in the block that starts at byte `at`
 */
export function fitSuperScale(
  spec: SuperScale,
  blockBytes: number,
  writeHeader: (blocks: Uint8Array, at: number, d: number, integers: Int32Array) => void,
): Fit {
  const { subBlocks } = spec;
  const blockSize = subBlocks * spec.subBlock;
  const x = new Float64Array(blockSize);
  const w = new Float64Array(blockSize);
  const integers = new Int32Array(subBlocks);
  return (values, importance, blocks, scale, offset) => {
    const count = values.length / blockSize;
    blocks.fill(0);
    for (let i = 0; i < count; i++) {
      loadBlock(values, importance, i * blockSize, blockSize, x, w);
      const d = searchSuperScale(spec, x, w, integers);
      writeHeader(blocks, i * blockBytes, d, integers);
      for (let j = 0; j < subBlocks; j++) {
        scale[i * subBlocks + j] = d * integers[j];
        offset[i * subBlocks + j] = 0;
      }
    }
  };
}
