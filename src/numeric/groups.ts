import type { EncodeBackend } from './backend.ts';
import { plainBackend } from './backend.ts';
import type { CodePass, Passes } from './passes.ts';
import { foundGroups } from './search/groups/grouped.ts';
import type { FoundGroups, GroupSearch } from './search/groups/types.ts';
import { tensorFormat } from './tensor.ts';
import type { NumberFormat, TensorFormat } from './types.ts';

/** Encodes and decodes groups of a fixed number of values. */
export interface GroupCodec {
  /** Values per group. */
  readonly group: number;
  /** Bytes of a group, its scale included. */
  readonly bytes: number;
  /**
   * Encodes consecutive groups.
   * @param values [groups, group]
   * @param bytes zeros, [groups, this.bytes]
   */
  encode(values: Float32Array, importance: Float32Array | undefined, bytes: Uint8Array, backend: EncodeBackend): void;
  decode(bytes: Uint8Array, at: number, values: Float32Array, from: number): void;
  /** The passes that decode groups, where there are such. */
  passes?(): readonly CodePass[];
}

/** Values searched at a time, where a group is not longer: few large searches cost less than many small ones. */
export const VALUES_TOGETHER = 2 ** 16;

/** Searches groups of values under one scale each. @param store takes what group g of `found` is; groups come in their order */
export function searchGroups(
  search: GroupSearch,
  group: number,
  values: Float32Array,
  importance: Float32Array | undefined,
  backend: EncodeBackend,
  store: (scale: number, zero: number, codes: Uint16Array) => void,
): void {
  const together = Math.min(values.length / group, Math.max(1, Math.floor(VALUES_TOGETHER / group)));
  const found: FoundGroups = foundGroups(together, group);
  const size = together * group;
  for (let from = 0; from < values.length; from += size) {
    const part = values.subarray(from, from + size);
    backend.encodeGroups(search, group, part, importance?.subarray(from, from + size), found);
    for (let g = 0; g * group < part.length; g++)
      store(found.scale[g], found.zero[g], found.codes.subarray(g * group, (g + 1) * group));
  }
}

/** What names a format and the containers that hold it. */
export type FormatFacts = Pick<NumberFormat, 'name' | 'safetensors' | 'compressedTensors' | 'onnx' | 'range'>;

/** A format whose groups follow each other within rows. */
export function groupBlocks(facts: FormatFacts, codec: GroupCodec): NumberFormat {
  return {
    ...facts,
    blockSize: codec.group,
    blockBytes: codec.bytes,
    ...passesOf(codec, () => codec),
    decodeBlocks: (blocks, values) => decodeGroups(codec, blocks, values),
    encodeBlocks(values, blocks, importance, backend = plainBackend) {
      codec.encode(values, importance, blocks.fill(0), backend);
    },
  };
}

/** A format whose group is a row (`channel`) or everything (`tensor`). @param facts with what a row must be a multiple of */
export function groupTensor(
  facts: FormatFacts & { readonly multiple?: number },
  group: 'channel' | 'tensor',
  codecOf: (group: number) => GroupCodec,
): TensorFormat {
  return tensorFormat({
    ...facts,
    block: group,
    ...passesOf(codecOf(1), (columns, length) => codecOf(group === 'channel' ? columns : length)),
    storedBytes: (rows, columns) =>
      group === 'channel' ? rows * codecOf(columns).bytes : codecOf(rows * columns).bytes,
    encode: (values, columns, bytes, importance, backend) =>
      codecOf(group === 'channel' ? columns : values.length).encode(values, importance, bytes, backend),
    decode: (bytes, columns, values) =>
      decodeGroups(codecOf(group === 'channel' ? columns : values.length), bytes, values),
  });
}

/** @param sample tells whether codecs of its kind have passes */
function passesOf(
  sample: GroupCodec,
  codecOf: (columns: number, length: number) => GroupCodec,
): { readonly passes?: Passes } {
  if (sample.passes === undefined) return {};
  return { passes: (_bytes, columns, length) => codecOf(columns, length).passes!() };
}

/** A format per group, channel or tensor. */
export function groupFormat(
  facts: FormatFacts,
  group: number | 'channel' | 'tensor',
  codecOf: (group: number) => GroupCodec,
): NumberFormat | TensorFormat {
  return typeof group === 'number' ? groupBlocks(facts, codecOf(group)) : groupTensor(facts, group, codecOf);
}

function decodeGroups(codec: GroupCodec, bytes: Uint8Array, values: Float32Array): void {
  for (let i = 0, at = 0; i < values.length; i += codec.group, at += codec.bytes) codec.decode(bytes, at, values, i);
}
