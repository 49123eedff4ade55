import { FormatError } from '../../core/errors.ts';
import { TOTAL, TOTAL_BITS } from './frequencies.ts';

/**
 * Range asymmetric numeral systems, one stream; the row and the column of a symbol choose its table.
 * @see Duda, "Asymmetric numeral systems: entropy coding combining speed of Huffman coding with compression rate of
 * arithmetic coding", 2013
 */
const LOWEST = 2 ** 23;
const STATE_BYTES = 4;

/** Which table a symbol has: that of ofRow[row]·columnClasses + ofColumn[column]. */
export interface Contexts {
  readonly columnClasses: number;
  /** [rows] */
  readonly ofRow: Uint8Array;
  /** [columns] */
  readonly ofColumn: Uint8Array;
}

/** Tables of all contexts, one after the other. */
class Tables {
  /** Symbols of one table. */
  readonly symbols: number;
  /** [contexts, symbols] */
  readonly frequencies: Uint16Array;
  /** [contexts, symbols] sums of the frequencies before */
  readonly starts: Uint16Array;

  constructor(tables: readonly Uint16Array[]) {
    this.symbols = tables[0].length;
    this.frequencies = new Uint16Array(tables.length * this.symbols);
    this.starts = new Uint16Array(this.frequencies.length);
    tables.forEach((table, context) => {
      let start = 0;
      table.forEach((frequency, symbol) => {
        this.frequencies[context * this.symbols + symbol] = frequency;
        this.starts[context * this.symbols + symbol] = start;
        start += frequency;
      });
    });
  }

  /** [contexts, TOTAL] symbol of every slot */
  slots(): Uint8Array {
    const slots = new Uint8Array((this.frequencies.length / this.symbols) * TOTAL);
    this.frequencies.forEach((frequency, i) => {
      const from = Math.floor(i / this.symbols) * TOTAL + this.starts[i];
      slots.fill(i % this.symbols, from, from + frequency);
    });
    return slots;
  }
}

/**
 * @param symbols [rows, columns]
 * @param tables frequencies of every context; every symbol that occurs has one
 * @returns 4 bytes of state, then what is read in decoding order
 */
export function encodeSymbols(symbols: Uint8Array, tables: readonly Uint16Array[], contexts: Contexts): Uint8Array {
  const { symbols: size, frequencies, starts } = new Tables(tables);
  const { columnClasses, ofRow, ofColumn } = contexts;
  const bytes = new Uint8Array(2 * symbols.length + STATE_BYTES); // a symbol takes at most 14 bits
  let at = bytes.length;
  let state = LOWEST;
  for (let i = ofRow.length - 1; i >= 0; i--) {
    const ofPair = ofRow[i] * columnClasses;
    for (let j = ofColumn.length - 1; j >= 0; j--) {
      const entry = (ofPair + ofColumn[j]) * size + symbols[i * ofColumn.length + j];
      const frequency = frequencies[entry];
      const most = (LOWEST >> TOTAL_BITS) * 256 * frequency;
      for (; state >= most; state >>>= 8) bytes[--at] = state;
      state = Math.floor(state / frequency) * TOTAL + (state % frequency) + starts[entry];
    }
  }
  for (let k = 0; k < STATE_BYTES; k++, state >>>= 8) bytes[--at] = state;
  return bytes.slice(at);
}

/**
 * Undoes `encodeSymbols`.
 * @param symbols [rows, columns] out
 * @throws FormatError when the stream is too short, or does not end where its symbols do
 */
export function decodeSymbols(
  bytes: Uint8Array,
  tables: readonly Uint16Array[],
  contexts: Contexts,
  symbols: Uint8Array,
): void {
  if (bytes.length < STATE_BYTES) throw new FormatError(`coded symbols: ${bytes.length} bytes, expected at least 4`);
  const all = new Tables(tables);
  const { symbols: size, frequencies, starts } = all;
  const slots = all.slots();
  const { columnClasses, ofRow, ofColumn } = contexts;
  let state = 0;
  let at = 0;
  for (; at < STATE_BYTES; at++) state = (state * 256 + bytes[at]) >>> 0;
  for (let i = 0, out = 0; i < ofRow.length; i++) {
    const ofPair = ofRow[i] * columnClasses;
    for (let j = 0; j < ofColumn.length; j++, out++) {
      const context = ofPair + ofColumn[j];
      const slot = state & (TOTAL - 1);
      const symbol = slots[context * TOTAL + slot];
      const entry = context * size + symbol;
      if (frequencies[entry] === 0) throw new FormatError(`coded symbols: symbol ${out} has an empty table`);
      symbols[out] = symbol;
      state = frequencies[entry] * (state >>> TOTAL_BITS) + slot - starts[entry];
      for (; state < LOWEST; at++) {
        if (at >= bytes.length) throw new FormatError(`coded symbols: the stream ends at symbol ${out}`);
        state = state * 256 + bytes[at];
      }
    }
  }
  if (state !== LOWEST || at !== bytes.length)
    throw new FormatError(`coded symbols: ${bytes.length - at} bytes are left, or the stream is damaged`);
}
