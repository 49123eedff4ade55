import { FormatError } from '../../core/errors.ts';
import { plainBackend } from '../backend.ts';
import { integerElement } from '../elements.ts';
import { searchGroups } from '../groups.ts';
import { levelsOf } from '../passes.ts';
import { readScale, SCALE_F16, writeScale } from '../scales.ts';
import { narrowings } from '../search/groups/nested.ts';
import type { Narrowing } from '../search/groups/types.ts';
import type { NumberFormat } from '../types.ts';

/**
 *   0        2            2 + 128
 *   ├ s  f16 ┼ 128 × int8 ┤   value = s·q at 8 bits; s·2^(8−r)·q_r at r bits
 * One int8 tensor is also an r-bit one, r = 2 … 7: no second file, no second scale. The two rules differ in what the
 * narrower model is made of and so in what the encoder must watch: see `sliceMsb` and `roundAgain`.
 */
const GROUP = 128;
const BLOCK_BYTES = GROUP + 2;
const STORED_BITS = 8;
const STORED = integerElement(STORED_BITS, -128, 127);

/** Widths whose errors the scale of a Matryoshka block weighs, each relative to the best it could do alone. */
const MATRYOSHKA_WIDTHS = [8, 4, 2];

function nestedFormat(name: string, narrowing: Narrowing, widths: readonly number[]): NestedFormat {
  const narrow = narrowings[narrowing];
  const search = { kind: 'nested', narrowing, widths, type: SCALE_F16 } as const;
  const decodeAt = (blocks: Uint8Array, values: Float32Array, bits: number): void => {
    if (!(bits >= 2 && bits <= STORED_BITS && Number.isInteger(bits)))
      throw new FormatError(`${name} read at ${bits} bits: expected 2 to ${STORED_BITS}`);
    for (let i = 0, at = 0; i < values.length; i += GROUP, at += BLOCK_BYTES) {
      const scale = readScale(SCALE_F16, blocks, at);
      for (let k = 0; k < GROUP; k++) values[i + k] = scale * narrow((blocks[at + 2 + k] << 24) >> 24, bits);
    }
  };
  return {
    name,
    blockSize: GROUP,
    blockBytes: BLOCK_BYTES,
    widths,
    passes: () => [
      {
        group: GROUP,
        start: 0,
        stride: BLOCK_BYTES,
        scale: { type: SCALE_F16, at: 0 },
        codesAt: SCALE_F16.bytes,
        bits: STORED_BITS,
        levels: levelsOf(STORED),
      },
    ],
    decodeAt,
    decodeBlocks: (blocks, values) => decodeAt(blocks, values, STORED_BITS),
    encodeBlocks(values, blocks, importance, backend = plainBackend) {
      let at = 0;
      searchGroups(search, GROUP, values, importance, backend, (scale, _zero, codes) => {
        writeScale(SCALE_F16, scale, blocks, at);
        blocks.set(codes, at + SCALE_F16.bytes);
        at += BLOCK_BYTES;
      });
    },
  };
}

export interface NestedFormat extends NumberFormat {
  /** Widths that the encoder minds. */
  readonly widths: readonly number[];
  /** Decodes the model of `bits` bits that the blocks hold, 2 to 8. */
  decodeAt(blocks: Uint8Array, values: Float32Array, bits: number): void;
}

export const MATRYOSHKA_INT8 = nestedFormat('MATRYOSHKA_INT8', 'sliceMsb', MATRYOSHKA_WIDTHS);
export const DOUBLE_ROUNDING_INT8 = nestedFormat('DOUBLE_ROUNDING_INT8', 'roundAgain', MATRYOSHKA_WIDTHS);

export const nested: readonly NestedFormat[] = [MATRYOSHKA_INT8, DOUBLE_ROUNDING_INT8];
