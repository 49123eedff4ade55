import { FormatError } from '../../core/errors.ts';

/** What a GGUF file needs to know of a ggml type: how many values make a block, and where its multi-byte words stand. */
export interface GgmlType {
  readonly id: number;
  /** ggml's name in capitals, equal to the numeric registry's where that has the format. */
  readonly name: string;
  readonly blockSize: number;
  readonly blockBytes: number;
  /** Words to turn round in big-endian files: [offset in block, bytes per word, count]. */
  readonly words: readonly (readonly [offset: number, width: number, count: number])[];
}

/** One tensor's line in the header. */
export interface TensorInfo {
  readonly name: string;
  /** Outermost dimension first. */
  readonly shape: readonly number[];
  readonly type: GgmlType;
  /** From the start of the tensor data. */
  readonly offset: number;
  /** Without padding. */
  readonly byteLength: number;
}

const half: GgmlType['words'] = [[0, 2, 1]];
const halfPair: GgmlType['words'] = [[0, 2, 2]];

/**
 * Every type id that GGUF files may carry.
 * @see llama.cpp ggml/include/ggml.h (enum ggml_type), ggml/src/ggml-common.h (block structs)
 */
export const ggmlTypes: readonly GgmlType[] = [
  type(0, 'F32', 1, 4, [[0, 4, 1]]),
  type(1, 'F16', 1, 2, half),
  type(2, 'Q4_0', 32, 18, half),
  type(3, 'Q4_1', 32, 20, halfPair),
  type(6, 'Q5_0', 32, 22, half),
  type(7, 'Q5_1', 32, 24, halfPair),
  type(8, 'Q8_0', 32, 34, half),
  type(9, 'Q8_1', 32, 36, halfPair),
  type(10, 'Q2_K', 256, 84, [[80, 2, 2]]),
  type(11, 'Q3_K', 256, 110, [[108, 2, 1]]),
  type(12, 'Q4_K', 256, 144, halfPair),
  type(13, 'Q5_K', 256, 176, halfPair),
  type(14, 'Q6_K', 256, 210, [[208, 2, 1]]),
  type(15, 'Q8_K', 256, 292, [
    [0, 4, 1],
    [260, 2, 16],
  ]),
  type(16, 'IQ2_XXS', 256, 66, [[0, 2, 33]]),
  type(17, 'IQ2_XS', 256, 74, [[0, 2, 33]]),
  type(18, 'IQ3_XXS', 256, 98, half),
  type(19, 'IQ1_S', 256, 50, [
    [0, 2, 1],
    [34, 2, 8],
  ]),
  type(20, 'IQ4_NL', 32, 18, half),
  type(21, 'IQ3_S', 256, 110, half),
  type(22, 'IQ2_S', 256, 82, half),
  type(23, 'IQ4_XS', 256, 136, halfPair),
  type(24, 'I8', 1, 1, []),
  type(25, 'I16', 1, 2, half),
  type(26, 'I32', 1, 4, [[0, 4, 1]]),
  type(27, 'I64', 1, 8, [[0, 8, 1]]),
  type(28, 'F64', 1, 8, [[0, 8, 1]]),
  type(29, 'IQ1_M', 256, 56, []),
  type(30, 'BF16', 1, 2, half),
  type(34, 'TQ1_0', 256, 54, [[52, 2, 1]]),
  type(35, 'TQ2_0', 256, 66, [[64, 2, 1]]),
  type(39, 'MXFP4', 32, 17, []),
  type(40, 'NVFP4', 64, 36, []),
  type(41, 'Q1_0', 128, 18, half),
  type(42, 'Q2_0', 64, 18, half),
];

/** Ids that were taken back: their files must be made anew. */
const removedTypes: ReadonlyMap<number, string> = new Map([
  [4, 'Q4_2'],
  [5, 'Q4_3'],
  [31, 'Q4_0_4_4'],
  [32, 'Q4_0_4_8'],
  [33, 'Q4_0_8_8'],
  [36, 'IQ4_NL_4_4'],
  [37, 'IQ4_NL_4_8'],
  [38, 'IQ4_NL_8_8'],
]);

const byId = new Map(ggmlTypes.map((t) => [t.id, t]));
const byName = new Map(ggmlTypes.map((t) => [t.name, t]));

/** Throws FormatError when the id is unknown or was removed. `subject` begins the message. */
export function ggmlTypeById(id: number, subject: string): GgmlType {
  const found = byId.get(id);
  if (found !== undefined) return found;
  const removed = removedTypes.get(id);
  if (removed !== undefined) {
    throw new FormatError(
      `${subject}: type ${id} (${removed}) was removed from GGUF; make the file again from its source`,
    );
  }
  throw new FormatError(`${subject}: type ${id} is unknown; known are 0 to ${ggmlTypes.at(-1)?.id}`);
}

/** Throws FormatError when GGUF has no such type. */
export function ggmlTypeByName(name: string, subject: string): GgmlType {
  const found = byName.get(name);
  if (found === undefined) throw new FormatError(`${subject}: GGUF has no type ${name}`);
  return found;
}

/**
 * Bytes of a tensor's data without padding.
 * @param shape outermost dimension first
 * @throws FormatError when a row is not a whole number of blocks, or there are 2^53 values or more
 */
export function ggmlBytes(ggml: GgmlType, shape: readonly number[], subject: string): number {
  const rowLength = shape.at(-1) ?? 1;
  if (rowLength % ggml.blockSize !== 0) {
    throw new FormatError(
      `${subject}: rows of ${rowLength} values are no whole blocks of ${ggml.name}, which takes ${ggml.blockSize} at a time`,
    );
  }
  let values = 1;
  for (const dimension of shape) values *= dimension;
  const bytes = (values / ggml.blockSize) * ggml.blockBytes;
  if (!(values <= Number.MAX_SAFE_INTEGER && bytes <= Number.MAX_SAFE_INTEGER)) {
    throw new FormatError(`${subject}: shape [${shape.join(', ')}] has more than 2^53 values or bytes`);
  }
  return bytes;
}

/** Turns the words of whole blocks between big and little endian, in place. */
export function swapBlocks(ggml: GgmlType, bytes: Uint8Array): void {
  for (let block = 0; block < bytes.length; block += ggml.blockBytes) {
    for (const [offset, width, count] of ggml.words) {
      for (let word = block + offset; word < block + offset + width * count; word += width) {
        bytes.subarray(word, word + width).reverse();
      }
    }
  }
}

function type(id: number, name: string, blockSize: number, blockBytes: number, words: GgmlType['words']): GgmlType {
  return { id, name, blockSize, blockBytes, words };
}
