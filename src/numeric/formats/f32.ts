import type { NumberFormat } from '../types.ts';

/** IEEE 754 binary32, little-endian. */
export const F32: NumberFormat = {
  name: 'F32',
  blockSize: 1,
  blockBytes: 4,
  gguf: { type: 0, fileType: 0 },
  safetensors: 'F32',
  largest: 2 ** 128 - 2 ** 104,
  decodeBlocks(blocks, values) {
    asBytes(values).set(blocks);
  },
  encodeBlocks(values, blocks) {
    blocks.set(asBytes(values));
  },
};

function asBytes(values: Float32Array): Uint8Array {
  return new Uint8Array(values.buffer, values.byteOffset, values.byteLength);
}
