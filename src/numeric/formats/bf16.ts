import { decodeBF16, encodeBF16 } from '../../core/float16.ts';
import { plainBackend } from '../backend.ts';
import type { FloatCast } from '../casts.ts';
import type { NumberFormat } from '../types.ts';

const cast: FloatCast = {
  ...{ bits: 16, mantissaBits: 7, bias: 127 },
  ...{ largest: 0x7f7f, overflow: 0x7f80, nan: 0x0040, nanKeeps: 0xffff, hasMinusZero: true },
  encode: encodeBF16,
};

/** bfloat16: the upper half of binary32. */
export const BF16: NumberFormat = {
  name: 'BF16',
  blockSize: 1,
  blockBytes: 2,
  gguf: { type: 30, fileType: 32 },
  safetensors: 'BF16',
  largest: 2 ** 128 - 2 ** 120,
  decodeBlocks: (blocks, values) => decodeBF16(blocks, values),
  encodeBlocks: (values, blocks, _importance, backend = plainBackend) => backend.castValues(cast, values, blocks),
};
