/*
 * GGUF, versions 2 and 3
 *
 *   'GGUF'  version u32  tensor count u64  key-value count u64
 *   key-values: key string, value type u32, value
 *   tensor infos: name string, dimensions u32, ne u64 each (innermost first), ggml type u32, offset u64
 *   padding to `general.alignment`
 *   tensor data: each at its offset from here, padded to the alignment
 *
 * string = length u64, UTF-8. array = element type u32, count u64, elements.
 * Version 3 may be big-endian throughout; then its version number reads with its bytes turned round.
 * Source: github.com/ggml-org/ggml, docs/gguf.md
 */

import { longestName } from '../names.ts';

/** Value types in wire order: the index is the id in the file. */
export const valueTypes = [
  'uint8',
  'int8',
  'uint16',
  'int16',
  'uint32',
  'int32',
  'float32',
  'bool',
  'string',
  'array',
  'uint64',
  'int64',
  'float64',
] as const;

export type ValueType = (typeof valueTypes)[number];
export type ScalarType = Exclude<ValueType, 'array'>;

/** Fewest bytes a value of the type takes. */
export const leastBytes: Readonly<Record<ValueType, number>> = {
  uint8: 1,
  int8: 1,
  uint16: 2,
  int16: 2,
  uint32: 4,
  int32: 4,
  float32: 4,
  bool: 1,
  string: 8,
  array: 12,
  uint64: 8,
  int64: 8,
  float64: 8,
};

export const defaultAlignment = 32;
/** Key, type and one byte of value. */
export const leastKeyValueBytes = 8 + 4 + 1;
/** Name, dimension count, type and offset. */
export const leastTensorInfoBytes = 8 + 4 + 4 + 8;

/** What a reader accepts at most. Real files stay far below: a vocabulary of 262k tokens makes a header of 16 MB. */
export const limits = {
  /** Bytes before the tensor data. */
  headerBytes: 2 ** 28,
  /** Bytes of one value of text; whole tokenizer.json files are carried this way. */
  stringBytes: 2 ** 26,
  /** Bytes of a key (specification). */
  keyBytes: 65535,
  /** Bytes of a tensor name. */
  nameBytes: longestName,
  /** Elements of one array. */
  arrayCount: 2 ** 24,
  /** Arrays inside arrays. llama.cpp reads depth 1 only. */
  arrayDepth: 4,
  /** Dimensions of a tensor (GGML_MAX_DIMS). */
  dimensions: 4,
  /** Files that one model may be split into. */
  shards: 9999,
} as const;
