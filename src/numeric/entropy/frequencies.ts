/**
 * Frequency tables of an entropy coder: a level of 7 bits a symbol, the logarithm in eighths of an octave, 0 for a symbol that
 * does not occur. Rounding it costs less than 0.001 bit a symbol; integers alone decide what a table means, so that every
 * machine decodes the same.
 */

/** Frequencies of a table add up to 2^14. */
export const TOTAL_BITS = 14;
export const TOTAL = 2 ** TOTAL_BITS;
export const LEVEL_BITS = 7;

const STEPS = 8;
/** round(2^16·2^(k/8)) */
const MANTISSAS = [65536, 71468, 77936, 84990, 92682, 101070, 110218, 120194];
const LARGEST_LEVEL = 2 ** LEVEL_BITS - 1;

function weightOf(level: number): number {
  return level === 0 ? 0 : MANTISSAS[(level - 1) % STEPS] * 2 ** Math.floor((level - 1) / STEPS);
}

/** Levels of counts, the largest count on the highest level. */
export function levelsOf(counts: ArrayLike<number>): Uint8Array {
  const largest = Array.from(counts).reduce((most, count) => Math.max(most, count), 0);
  return Uint8Array.from(counts, (count) =>
    count === 0 ? 0 : Math.max(1, LARGEST_LEVEL + Math.round(STEPS * Math.log2(count / largest))),
  );
}

/**
 * What levels mean: every symbol with a level has at least 1 of `TOTAL`.
 * @returns frequencies, all 0 where no symbol has a level
 */
export function frequenciesOf(levels: Uint8Array): Uint16Array {
  const frequencies = new Uint16Array(levels.length);
  let weight = 0;
  for (const level of levels) weight += weightOf(level);
  if (weight === 0) return frequencies;
  let rest = TOTAL;
  levels.forEach((level, symbol) => {
    if (level > 0) frequencies[symbol] = Math.max(1, Math.round((weightOf(level) * TOTAL) / weight));
    rest -= frequencies[symbol];
  });
  for (; rest !== 0; rest -= Math.sign(rest)) frequencies[largestOf(frequencies)] += Math.sign(rest);
  return frequencies;
}

function largestOf(frequencies: Uint16Array): number {
  let best = 0;
  for (let symbol = 1; symbol < frequencies.length; symbol++)
    if (frequencies[symbol] > frequencies[best]) best = symbol;
  return best;
}
