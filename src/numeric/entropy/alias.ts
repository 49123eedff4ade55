import { TOTAL, TOTAL_BITS } from './frequencies.ts';

/**
 * Tables of all contexts by the alias method: as many buckets as symbols, each with slots of its own symbol and of one other.
 * A table for decoding takes 8 bytes a symbol and stays in the first-level cache, where one with a symbol for each of 2^14
 * slots would not.
 * @see Vose, "A Linear Algorithm for Generating Random Numbers with a Given Distribution", 1991; Giesen, "Interleaved Entropy
 * Coders", 2014
 */

/** 16-bit words of a bucket. */
export const BUCKET_WORDS = 4;
/** The frequency of its own symbol, whose first places are the first slots of the bucket. */
export const FREQUENCY = 0;
/** What added to a slot of the other gives its place among that symbol's, modulo 2^16. */
export const OFFSET = 1;
/** The slot from which on they are the other's. */
export const LIMIT = 2;
/** The other symbol. */
export const OTHER = 3;

/** @param tables frequencies that sum to `TOTAL`, or all 0 @returns [contexts, symbols, BUCKET_WORDS] */
export function aliasBuckets(tables: readonly Uint16Array[]): Uint16Array {
  const words = BUCKET_WORDS * tables[0].length;
  const buckets = new Uint16Array(words * tables.length);
  tables.forEach((table, context) => {
    if (table.some((frequency) => frequency > 0)) fill(table, buckets.subarray(context * words, (context + 1) * words));
  });
  return buckets;
}

function fill(table: Uint16Array, buckets: Uint16Array): void {
  const size = TOTAL / table.length;
  const left = table.slice();
  const own = left.map((slots) => Math.min(slots, size));
  const small = [...left.keys()].filter((symbol) => left[symbol] < size);
  const large = [...left.keys()].filter((symbol) => left[symbol] > size);
  const other = Array.from(left.keys());
  const otherPlace = new Uint16Array(table.length);
  // a bucket that is not full takes from the end of a symbol that has more than its own, which may then lack itself
  for (let symbol = small.pop(); symbol !== undefined; symbol = small.pop()) {
    const giver = large[large.length - 1];
    const taken = size - left[symbol];
    own[symbol] = left[symbol];
    other[symbol] = giver;
    left[giver] -= taken;
    otherPlace[symbol] = left[giver];
    if (left[giver] > size) continue;
    large.pop();
    own[giver] = left[giver];
    if (left[giver] < size) small.push(giver);
  }
  for (let symbol = 0; symbol < table.length; symbol++) {
    const first = symbol * size;
    const limit = first + own[symbol];
    buckets.set([table[symbol], otherPlace[symbol] - limit, limit, other[symbol]], symbol * BUCKET_WORDS);
  }
}

/** What encoding takes: frequencies and first places of symbols, and the slot of every place. */
export interface SlotTables {
  /** [contexts, symbols] */
  readonly frequencies: Uint16Array;
  /** [contexts, symbols] sums of the frequencies before */
  readonly starts: Uint16Array;
  /** [contexts, TOTAL] slot of place k of a symbol at its start + k */
  readonly slots: Uint16Array;
}

export function slotTables(tables: readonly Uint16Array[]): SlotTables {
  const symbols = tables[0].length;
  const frequencies = new Uint16Array(symbols * tables.length);
  const starts = new Uint16Array(frequencies.length);
  const slots = new Uint16Array(TOTAL * tables.length);
  const buckets = aliasBuckets(tables);
  const shift = TOTAL_BITS - Math.log2(symbols);
  tables.forEach((table, context) => {
    const from = context * symbols;
    frequencies.set(table, from);
    for (let symbol = 1; symbol < symbols; symbol++)
      starts[from + symbol] = starts[from + symbol - 1] + table[symbol - 1];
    if (table.every((frequency) => frequency === 0)) return;
    for (let slot = 0; slot < TOTAL; slot++) {
      const own = slot >> shift;
      const bucket = BUCKET_WORDS * (from + own);
      const isOwn = slot < buckets[bucket + LIMIT];
      const place = isOwn ? slot - (own << shift) : (slot + buckets[bucket + OFFSET]) & 0xffff;
      slots[context * TOTAL + starts[from + (isOwn ? own : buckets[bucket + OTHER])] + place] = slot;
    }
  });
  return { frequencies, starts, slots };
}
