import { FormatError } from '../../core/errors.ts';
import { TOTAL, TOTAL_BITS } from './frequencies.ts';

/**
 * Range asymmetric numeral systems, one stream, a table per symbol chosen by the caller.
 * @see Duda, "Asymmetric numeral systems: entropy coding combining speed of Huffman coding with compression rate of
 * arithmetic coding", 2013
 */
const LOWEST = 2 ** 23;
const STATE_BYTES = 4;

/** @param starts [symbols] sums of the frequencies before */
function startsOf(frequencies: Uint16Array): Uint16Array {
  const starts = new Uint16Array(frequencies.length);
  for (let symbol = 1; symbol < starts.length; symbol++) starts[symbol] = starts[symbol - 1] + frequencies[symbol - 1];
  return starts;
}

/**
 * @param tables frequencies of every context
 * @param contextAt context of symbol i
 * @returns 4 bytes of state, then what is read in decoding order
 */
export function encodeSymbols(
  symbols: Uint8Array,
  tables: readonly Uint16Array[],
  contextAt: (i: number) => number,
): Uint8Array {
  const starts = tables.map(startsOf);
  const bytes = new Uint8Array(2 * symbols.length + STATE_BYTES); // a symbol takes at most 14 bits
  let at = bytes.length;
  let state = LOWEST;
  for (let i = symbols.length - 1; i >= 0; i--) {
    const context = contextAt(i);
    const frequency = tables[context][symbols[i]];
    const most = (LOWEST >> TOTAL_BITS) * 256 * frequency;
    for (; state >= most; state >>>= 8) bytes[--at] = state;
    state = Math.floor(state / frequency) * TOTAL + (state % frequency) + starts[context][symbols[i]];
  }
  for (let k = 0; k < STATE_BYTES; k++, state >>>= 8) bytes[--at] = state;
  return bytes.slice(at);
}

/**
 * Undoes `encodeSymbols`.
 * @param symbols out
 * @throws FormatError when the stream is too short, or does not end where its symbols do
 */
export function decodeSymbols(
  bytes: Uint8Array,
  tables: readonly Uint16Array[],
  contextAt: (i: number) => number,
  symbols: Uint8Array,
): void {
  if (bytes.length < STATE_BYTES) throw new FormatError(`coded symbols: ${bytes.length} bytes, expected at least 4`);
  const starts = tables.map(startsOf);
  const symbolAt = tables.map(symbolsOf);
  let state = 0;
  let at = 0;
  for (; at < STATE_BYTES; at++) state = (state * 256 + bytes[at]) >>> 0;
  for (let i = 0; i < symbols.length; i++) {
    const context = contextAt(i);
    const slot = state & (TOTAL - 1);
    const symbol = symbolAt[context][slot];
    const frequency = tables[context][symbol];
    if (frequency === 0) throw new FormatError(`coded symbols: symbol ${i} has an empty table`);
    symbols[i] = symbol;
    state = frequency * (state >>> TOTAL_BITS) + slot - starts[context][symbol];
    for (; state < LOWEST; at++) {
      if (at >= bytes.length) throw new FormatError(`coded symbols: the stream ends at symbol ${i}`);
      state = state * 256 + bytes[at];
    }
  }
  if (state !== LOWEST || at !== bytes.length)
    throw new FormatError(`coded symbols: ${bytes.length - at} bytes are left, or the stream is damaged`);
}

/** [TOTAL] symbol of every slot */
function symbolsOf(frequencies: Uint16Array): Uint8Array {
  const symbols = new Uint8Array(TOTAL);
  let at = 0;
  frequencies.forEach((frequency, symbol) => {
    symbols.fill(symbol, at, at + frequency);
    at += frequency;
  });
  return symbols;
}
