/*
 * safetensors
 *
 *   header length u64 | header: JSON, may end in spaces | tensor data, without gaps
 *
 *   {"__metadata__": {"key": "text"}, "name": {"dtype": "BF16", "shape": [2, 3], "data_offsets": [0, 12]}}
 *
 * Offsets count from the end of the header; everything is little-endian.
 * Source: github.com/huggingface/safetensors, README.md and safetensors/src/tensor.rs
 */

/** Bits per value of every dtype. Sub-byte values are packed low bits first; a tensor fills whole bytes. */
export const dtypeBits: Readonly<Record<string, number>> = {
  BOOL: 8,
  U8: 8,
  I8: 8,
  F8_E4M3: 8,
  F8_E5M2: 8,
  F8_E8M0: 8,
  F8_E4M3FNUZ: 8,
  F8_E5M2FNUZ: 8,
  F4: 4,
  F6_E2M3: 6,
  F6_E3M2: 6,
  U16: 16,
  I16: 16,
  F16: 16,
  BF16: 16,
  U32: 32,
  I32: 32,
  F32: 32,
  U64: 64,
  I64: 64,
  F64: 64,
  C64: 64,
};

/** What a reader accepts at most. */
export const limits = {
  /** Bytes of the JSON header: the reference implementation's own cap. */
  headerBytes: 100_000_000,
  /** Bytes of model.safetensors.index.json. */
  indexBytes: 100_000_000,
  /** Dimensions of a tensor. */
  dimensions: 8,
} as const;
