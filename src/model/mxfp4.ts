import type { TensorEntry, TensorFile } from '../container/types.ts';
import { FormatError } from '../core/errors.ts';

/*
 * Checkpoints whose experts are MXFP4 keep codes and scales of a matrix apart: NAME_blocks u8 [experts, rows, blocks, 16] and
 * NAME_scales u8 [experts, rows, blocks]. Byte j of a block has elements 2j (low half) and 2j + 1 (high half); GGUF's has j
 * and j + 16, behind the scale. So one is made of the other without rounding. @see transformers, integrations/mxfp4.py
 */

const BLOCKS = '_blocks';
const SCALES = '_scales';
/** Bytes of codes in a block of 32 values, and with the scale. */
const CODES = 16;
const BLOCK = CODES + 1;

/** The file with each such pair as one tensor in MXFP4, called as its blocks are. @throws FormatError when they do not fit */
export function withMxfp4(file: TensorFile): TensorFile {
  const tensors = new Map(file.tensors);
  for (const blocks of file.tensors.values()) {
    const stem = blocks.name.endsWith(BLOCKS) ? blocks.name.slice(0, -BLOCKS.length) : undefined;
    const scales = stem === undefined ? undefined : file.tensors.get(stem + SCALES);
    if (scales === undefined || blocks.format !== 'U8' || scales.format !== 'U8') continue;
    tensors.set(blocks.name, joined(blocks, scales));
    tensors.delete(scales.name);
  }
  return { ...file, tensors, close: () => file.close() };
}

/** Whether a checkpoint has tensors that `withMxfp4` reads. */
export function hasMxfp4({ tensors }: TensorFile): boolean {
  return [...tensors.values()].some(({ name, format }) => name.endsWith(BLOCKS) && format === 'MXFP4');
}

function joined(blocks: TensorEntry, scales: TensorEntry): TensorEntry {
  const counts = blocks.shape.slice(0, -1);
  if (blocks.shape.at(-1) !== CODES || `${counts}` !== `${scales.shape}`)
    throw new FormatError(
      `${blocks.name}: shape is [${blocks.shape.join(', ')}], expected [${scales.shape.join(', ')}, ${CODES}] ` +
        `for the scales beside it`,
    );
  const count = scales.byteLength;
  return {
    name: blocks.name,
    format: 'MXFP4',
    shape: [...counts.slice(0, -1), counts.at(-1)! * 2 * CODES],
    byteLength: count * BLOCK,
    read: async (start = 0, end = count * BLOCK) => {
      const [first, last] = [Math.floor(start / BLOCK), Math.ceil(end / BLOCK)];
      const codes = await blocks.read(first * CODES, last * CODES);
      const exponents = await scales.read(first, last);
      return repacked(codes, exponents).subarray(start - first * BLOCK, end - first * BLOCK);
    },
  };
}

/** Blocks as GGUF has them: the scale, then codes of elements j and j + 16 in one byte. */
function repacked(codes: Uint8Array, exponents: Uint8Array): Uint8Array {
  const made = new Uint8Array(exponents.length * BLOCK);
  for (const [block, exponent] of exponents.entries()) {
    const [from, to] = [block * CODES, block * BLOCK];
    const codeOf = (element: number): number => (codes[from + (element >> 1)] >> (element % 2 ? 4 : 0)) & 15;
    made[to] = exponent;
    for (let j = 0; j < CODES; j++) made[to + 1 + j] = codeOf(j) | (codeOf(j + CODES) << 4);
  }
  return made;
}
