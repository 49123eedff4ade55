import { writeF16 } from '../../core/float16.ts';
import { plainBackend } from '../backend.ts';
import type { BlockScale, ScaleSearch, SuperScale } from '../search/grid/types.ts';
import type { ScalarGrid } from '../types.ts';
import { fittedScales } from './scales.ts';

type Fit = ScalarGrid['fit'];

/** `fit` of a format with one binary16 scale per block, stored at byte `at`. */
export function fitScale(blockSize: number, blockBytes: number, at: number, search: ScaleSearch): Fit {
  const spec: BlockScale = { kind: 'scale', subBlocks: 1, subBlock: blockSize, search };
  return (values, importance, blocks, scale, offset, backend = plainBackend) => {
    const count = values.length / blockSize;
    const found = fittedScales(spec, values, importance, backend);
    blocks.fill(0);
    offset.fill(0, 0, count);
    for (let i = 0; i < count; i++) scale[i] = writeF16(blocks, i * blockBytes + at, found.d[i]);
  };
}

/**
 * `fit` of a format with scales d·integer.
 * @param writeHeader stores d and the integers in the block that starts at byte `at`
 */
export function fitSuperScale(
  search: Omit<SuperScale, 'kind'>,
  blockBytes: number,
  writeHeader: (blocks: Uint8Array, at: number, d: number, integers: Int32Array) => void,
): Fit {
  const spec: SuperScale = { kind: 'superScale', ...search };
  const { subBlocks, subBlock } = spec;
  return (values, importance, blocks, scale, offset, backend = plainBackend) => {
    const count = values.length / (subBlocks * subBlock);
    const found = fittedScales(spec, values, importance, backend);
    blocks.fill(0);
    offset.fill(0, 0, count * subBlocks);
    for (let i = 0; i < count; i++) {
      const integers = found.a.subarray(i * subBlocks, (i + 1) * subBlocks);
      writeHeader(blocks, i * blockBytes, found.d[i], integers);
      for (let j = 0; j < subBlocks; j++) scale[i * subBlocks + j] = found.d[i] * integers[j];
    }
  };
}
