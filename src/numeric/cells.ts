/**
 * Memories with two bits a cell: 00 and 11 are the cheap and robust end states, 01 and 10 take a second write step and are
 * the ones that soft errors move.
 * @see Jasemi et al., "Reliable and Energy Efficient MLC STT-RAM Buffer for CNN Accelerators", 2020
 */

/** Bit 0 of every cell of a byte. */
const LOWER_BITS = 0b01010101;

/** [256] cells of a byte that are 01 or 10. */
const mixedOfByte = Uint8Array.from({ length: 256 }, (_, byte) => {
  const differing = (byte ^ (byte >> 1)) & LOWER_BITS;
  return [0, 2, 4, 6].reduce((sum, at) => sum + ((differing >> at) & 1), 0);
});

/** How often each pattern occurs. */
export type CellCounts = Readonly<Record<'00' | '01' | '10' | '11', number>>;

/** Counts the cells of bytes, four in each. */
export function countCells(bytes: Uint8Array): CellCounts {
  const counts = [0, 0, 0, 0];
  for (const byte of bytes) for (let at = 0; at < 8; at += 2) counts[(byte >> at) & 3]++;
  return { '00': counts[0], '01': counts[1], '10': counts[2], '11': counts[3] };
}

/** Cells of a byte that are 01 or 10. */
export function mixedCells(byte: number): number {
  return mixedOfByte[byte];
}

/**
 * What reading or writing the cells costs, in units of a cell that is 00 or 11.
 * @param mixed cost of 01 and 10, such as 2 where they are written in two steps
 */
export function cellEnergy(counts: CellCounts, mixed: number): number {
  return counts['00'] + counts['11'] + mixed * (counts['01'] + counts['10']);
}
