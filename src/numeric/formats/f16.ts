import { decodeF16, encodeF16, LARGEST_F16 } from '../../core/float16.ts';
import { plainBackend } from '../backend.ts';
import type { FloatCast } from '../casts.ts';
import type { NumberFormat } from '../types.ts';

const cast: FloatCast = {
  ...{ bits: 16, mantissaBits: 10, bias: 15 },
  ...{ largest: 0x7bff, overflow: 0x7c00, nan: 0x7e00, nanKeeps: 0x8000, hasMinusZero: true },
  encode: encodeF16,
};

/** IEEE 754 binary16. */
export const F16: NumberFormat = {
  name: 'F16',
  blockSize: 1,
  blockBytes: 2,
  gguf: { type: 1, fileType: 1 },
  safetensors: 'F16',
  largest: LARGEST_F16,
  decodeBlocks: (blocks, values) => decodeF16(blocks, values),
  encodeBlocks: (values, blocks, _importance, backend = plainBackend) => backend.castValues(cast, values, blocks),
};
