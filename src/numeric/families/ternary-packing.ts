import { packBits, packedBytes, unpackBits } from '../bits.ts';
import { byteCodes } from '../passes.ts';
import type { Packing } from '../scaled.ts';

/** Codes 0, 1, 2 stand for −1, 0, 1 in every packing here. */

function unpackFifths(bytes: Uint8Array, codes: Uint16Array): void {
  for (let i = 0; i < codes.length; i++) codes[i] = Math.floor(bytes[Math.floor(i / 5)] / 3 ** (i % 5)) % 3;
}

/** Five digits in base 3 a byte: 1.6 bits. */
export const ternaryFifths: Packing = {
  byteCodes: byteCodes(5, unpackFifths),
  bytes: (count) => Math.ceil(count / 5),
  pack(codes, bytes) {
    bytes.fill(0);
    for (let i = codes.length - 1; i >= 0; i--) bytes[Math.floor(i / 5)] = 3 * bytes[Math.floor(i / 5)] + codes[i];
  },
  unpack: unpackFifths,
};

function unpackPairs(bytes: Uint8Array, codes: Uint16Array): void {
  const pairs = new Uint8Array(Math.ceil(codes.length / 2));
  unpackBits(bytes, 0, pairs.length, 4, pairs);
  for (let i = 0; i < codes.length; i++) codes[i] = (i % 2 === 0 ? Math.floor(pairs[i >> 1] / 3) : pairs[i >> 1]) % 3;
}

/**
 * TL1: two digits in 4 bits, the look-up index 3·a + b: 2 bits.
 * @see Wang et al., "1-bit AI Infra: bitnet.cpp", 2024, section 2.2
 */
export const ternaryPairs: Packing = {
  byteCodes: byteCodes(4, unpackPairs),
  bytes: (count) => packedBytes(Math.ceil(count / 2), 4),
  pack(codes, bytes) {
    const pairs = Uint8Array.from(
      { length: Math.ceil(codes.length / 2) },
      (_, i) => 3 * codes[2 * i] + (codes[2 * i + 1] ?? 1),
    );
    packBits(pairs, 0, pairs.length, 4, bytes, 0);
  },
  unpack: unpackPairs,
};

/** Index of the triple of zeros: 9 + 3 + 1. Triples t and 26 − t are each other's negative. */
const ZERO_TRIPLE = 13;

/** Digit 0, 1 or 2, the highest first, of a triple's index and sign. */
function digitOf(index: number, sign: number, digit: number): number {
  const triple = ZERO_TRIPLE + (sign === 1 ? -1 : 1) * Math.min(index, ZERO_TRIPLE);
  return Math.floor(triple / 3 ** (2 - digit)) % 3;
}

/**
 * TL2: three digits in 4 + 1 bits, an index up to sign in one plane and the sign in another: 1.67 bits.
 * @see Wang et al., "1-bit AI Infra: bitnet.cpp", 2024, section 2.2
 */
export const ternaryTriples: Packing = {
  bits: 4,
  upper: { bits: 1, at: (count) => packedBytes(Math.ceil(count / 3), 4) },
  byteCodes: byteCodes(3, ([field], codes) => {
    for (let i = 0; i < codes.length; i++) codes[i] = digitOf(field & 15, (field >> 4) & 1, i);
  }),
  bytes: (count) => packedBytes(Math.ceil(count / 3), 4) + packedBytes(Math.ceil(count / 3), 1),
  pack(codes, bytes) {
    const triples = Array.from(
      { length: Math.ceil(codes.length / 3) },
      (_, i) => 9 * codes[3 * i] + 3 * (codes[3 * i + 1] ?? 1) + (codes[3 * i + 2] ?? 1),
    );
    const index = triples.map((t) => Math.abs(t - ZERO_TRIPLE));
    const sign = triples.map((t) => (t < ZERO_TRIPLE ? 1 : 0));
    packBits(index, 0, index.length, 4, bytes, 0);
    packBits(sign, 0, sign.length, 1, bytes, packedBytes(index.length, 4));
  },
  unpack(bytes, codes) {
    const count = Math.ceil(codes.length / 3);
    const index = new Uint8Array(count);
    const sign = new Uint8Array(count);
    unpackBits(bytes, 0, count, 4, index);
    unpackBits(bytes, packedBytes(count, 4), count, 1, sign);
    for (let i = 0; i < codes.length; i++) {
      const k = Math.floor(i / 3);
      codes[i] = digitOf(index[k], sign[k], i % 3);
    }
  },
};
