import { roundScale, writeF16 } from '../../core/float16.ts';
import type { ScalarGrid } from '../types.ts';
import { loadBlock } from './block.ts';
import { SUMS } from './correlate.ts';
import { type ScaleSearch, searchScale } from './scale.ts';
import { type SuperScale, searchSuperScale } from './superscale.ts';

type Fit = ScalarGrid['fit'];

const sums = new Float64Array(SUMS);

/** `fit` of a format with one binary16 scale per block, stored at byte `at`. */
export function fitScale(blockSize: number, blockBytes: number, at: number, search: ScaleSearch): Fit {
  const x = new Float64Array(blockSize);
  const w = new Float64Array(blockSize);
  return (values, importance, blocks, scale, offset) => {
    const count = values.length / blockSize;
    blocks.fill(0);
    for (let i = 0; i < count; i++) {
      loadBlock(values, importance, i * blockSize, blockSize, x, w);
      scale[i] = writeF16(blocks, i * blockBytes + at, roundScale(searchScale(search, x, w, 0, blockSize, sums, 0)));
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
