import { f16ToNumber, numberToF16 } from '../../core/float16.ts';
import { mixedCells } from '../cells.ts';
import { type Element, tableElement } from '../elements.ts';
import { byteCodes } from '../passes.ts';
import { type Packing, scaledFormat } from '../scaled.ts';
import { SCALE_F16, SCALE_F32 } from '../scales.ts';
import type { Family } from './types.ts';

/*
 * Packings for memories that err. A bit that codes leave unused holds a copy of the sign beside it: in a two-bit cell the
 * pair is 00 or 11, which is robust; where the two differ after all, the sign is lost and the value becomes 0, a quarter of
 * the squared error of a wrong sign.
 * Of the cited paper only the abstract was found: the copy is its scheme; it also lays blocks out against 01 and 10, and how
 * that is done here is our own.
 */
const MAGNITUDE_BITS = 6;
const MAGNITUDE_MASK = 2 ** MAGNITUDE_BITS - 1;

/** −63 … 63 as sign and magnitude, so that small values have zeros in front on either side. */
const signMagnitude7 = tableElement(
  Float64Array.from({ length: 2 << MAGNITUDE_BITS }, (_, code) =>
    code > MAGNITUDE_MASK ? -(code & MAGNITUDE_MASK) : code,
  ),
);

/**
 *   bit 7    6    5 … 0
 *   ├ sign ┼ sign ┼ magnitude ┤
 */
function withBackup(code: number): number {
  return code | ((code & (1 << MAGNITUDE_BITS)) << 1);
}

/** The code in a byte; 0 where the signs differ. */
function withoutBackup(byte: number): number {
  return byte >> 7 === ((byte >> MAGNITUDE_BITS) & 1) ? byte & 127 : 0;
}

function unpackBackup(bytes: Uint8Array, codes: Uint16Array): void {
  codes.forEach((_, i) => {
    codes[i] = withoutBackup(bytes[i]);
  });
}

const backup: Packing = {
  byteCodes: byteCodes(1, unpackBackup),
  bytes: (count) => count,
  pack: (codes, bytes) =>
    codes.forEach((code, i) => {
      bytes[i] = withBackup(code);
    }),
  unpack: unpackBackup,
};

/**
 * Magnitude → pattern: those with no cell of 01 or 10 first, then with one, two and three, so that frequent small
 * magnitudes get the cheap ones. Where a magnitude of b bits costs b/4 mixed cells on average, 0 … 7 cost none and 8 … 31 one.
 */
const patternOf = Uint8Array.from({ length: MAGNITUDE_MASK + 1 }, (_, pattern) => pattern).sort(
  (a, b) => mixedCells(a) - mixedCells(b) || a - b,
);
const magnitudeOf = new Uint8Array(patternOf.length);
patternOf.forEach((pattern, magnitude) => {
  magnitudeOf[pattern] = magnitude;
});

const SIGNS = 0xff & ~MAGNITUDE_MASK;

function unpackCells(bytes: Uint8Array, codes: Uint16Array): void {
  codes.forEach((_, i) => {
    codes[i] = withoutBackup((bytes[i] & SIGNS) | magnitudeOf[bytes[i] & MAGNITUDE_MASK]);
  });
}

/**
 *   bit 7    6    5 … 0
 *   ├ sign ┼ sign ┼ pattern of the magnitude ┤
 */
const backupAndCells: Packing = {
  byteCodes: byteCodes(1, unpackCells),
  bytes: (count) => count,
  pack: (codes, bytes) =>
    codes.forEach((code, i) => {
      bytes[i] = (withBackup(code) & SIGNS) | patternOf[code & MAGNITUDE_MASK];
    }),
  unpack: unpackCells,
};

const SIGN16 = 0x8000;
const BACKUP16 = 0x4000;
/** Largest binary16 whose exponent leaves bit 14 at 0. */
const LARGEST_HALF = 2 - 2 ** -10;

/**
 * binary16 below 2, bit 14 a copy of the sign. The scale is what normalizes the tensor.
 *   bit 15   14     13 … 10    9 … 0
 *   ├ sign ┼ sign ┼ exponent ┼ mantissa ┤
 */
const halfWithBackup: Element = {
  bits: 16,
  floats: { type: 'double-signed binary16' },
  largest: LARGEST_HALF,
  hasZero: true,
  tops: [1, LARGEST_HALF],
  code(value) {
    const bits = numberToF16(Number.isNaN(value) ? 0 : Math.min(Math.max(value, -LARGEST_HALF), LARGEST_HALF));
    return bits & SIGN16 ? bits | BACKUP16 : bits;
  },
  value(code) {
    const pair = code & (SIGN16 | BACKUP16);
    return pair === 0 || pair === (SIGN16 | BACKUP16) ? f16ToNumber(code & ~BACKUP16) : 0;
  },
  rounding: {
    kind: 'float',
    grid: { mantissaBits: 10, smallestNormal: 2 ** -14, largest: LARGEST_HALF },
    negative: SIGN16 | BACKUP16,
    hasNegativeZero: true,
  },
};

export const protectedPackings: Family = {
  name: 'protected packing',
  branch: 'custom',
  title: 'Codes with a copy of the sign in an unused bit, and few cells of 01 and 10, for memories that err',
  equation: 'byte = s s m_5 … m_0; s ≠ s: x̂ = 0; m by rank of its pattern: fewest cells of 01 and 10 first',
  source: 'Jasemi et al., “Reliable and Energy Efficient MLC STT-RAM Buffer for CNN Accelerators”, 2020 (abstract)',
  formats: [
    scaledFormat({
      name: 'SINT7_BACKUP_G128',
      element: signMagnitude7,
      group: 128,
      scale: SCALE_F16,
      packing: backup,
    }),
    scaledFormat({
      name: 'SINT7_CELLS_G128',
      element: signMagnitude7,
      group: 128,
      scale: SCALE_F16,
      packing: backupAndCells,
    }),
    scaledFormat({ name: 'F16_BACKUP_TENSOR', element: halfWithBackup, group: 'tensor', scale: SCALE_F32 }),
  ],
};
