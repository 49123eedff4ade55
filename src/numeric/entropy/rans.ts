import { FormatError } from '../../core/errors.ts';
import { aliasBuckets, BUCKET_WORDS, FREQUENCY, LIMIT, OFFSET, OTHER, type SlotTables, slotTables } from './alias.ts';
import { TOTAL, TOTAL_BITS } from './frequencies.ts';
import type { EntropyCoder, RansTask } from './types.ts';

/**
 * Range asymmetric numeral systems; the row and the column of a symbol choose its table.
 *   ├ u32 length of every segment but the last ┼ segments ┤   segment: ├ u32 state of every lane ┼ u16 words ┤
 * A segment is some rows: threads share segments. Column j is of lane j modulo 8 (of one lane in small matrices), so that
 * eight symbols are decoded side by side; lanes take words from one stream as they need them. States are 2^16 or more.
 * @see Duda, "Asymmetric numeral systems: entropy coding combining speed of Huffman coding with compression rate of
 * arithmetic coding", 2013; Giesen, "Interleaved Entropy Coders", 2014
 */
export const LOWEST = 2 ** 16;
const STATE_BYTES = 4;
const LENGTH_BYTES = 4;
const LANES = 8;
/** Matrices of fewer codes have one lane: its states would be more than a thousandth of them. */
const LEAST_FOR_LANES = 2 ** 15;
/** Codes of a segment, about. */
const SEGMENT_CODES = 2 ** 18;

/** Which table a symbol has: that of ofRow[row]·columnClasses + ofColumn[column]. */
export interface Contexts {
  readonly columnClasses: number;
  /** [rows] */
  readonly ofRow: Uint8Array;
  /** [columns] */
  readonly ofColumn: Uint8Array;
}

function ransTask(symbols: number, { columnClasses, ofRow, ofColumn }: Contexts): RansTask {
  const rows = ofRow.length;
  const columns = ofColumn.length;
  const rowsOfSegment = Math.max(1, Math.ceil(SEGMENT_CODES / columns));
  return {
    ...{ rows, columns, symbols, rowsOfSegment },
    segments: Math.ceil(rows / rowsOfSegment),
    lanes: rows * columns < LEAST_FOR_LANES ? 1 : LANES,
    tableOfRow: Uint32Array.from(ofRow, (k) => k * columnClasses),
    tableOfColumn: Uint32Array.from(ofColumn),
  };
}

/** Bytes that a stream of so many symbols has for anything but symbols. */
export function streamOverhead(rows: number, columns: number): number {
  const { segments, lanes } = ransTask(1, {
    columnClasses: 1,
    ofRow: new Uint8Array(rows),
    ofColumn: new Uint8Array(columns),
  });
  return LENGTH_BYTES * (segments - 1) + STATE_BYTES * lanes * segments;
}

/**
 * @param symbols [rows, columns]
 * @param tables frequencies of every context; every symbol that occurs has one
 */
export function encodeSymbols(
  symbols: Uint8Array,
  tables: readonly Uint16Array[],
  contexts: Contexts,
  coder: EntropyCoder,
): Uint8Array {
  const task = ransTask(tables[0].length, contexts);
  const { segments, rowsOfSegment, columns, lanes } = task;
  const room = STATE_BYTES * lanes + 2 * columns * rowsOfSegment; // a symbol takes at most 14 bits
  const streams = new Uint8Array(room * segments);
  const starts = new Uint32Array(segments);
  coder.encodeSegments(task, slotTables(tables), symbols, streams, starts);
  const lengths = Array.from(starts, (start) => room - start);
  const directory = LENGTH_BYTES * (segments - 1);
  const bytes = new Uint8Array(directory + lengths.reduce((sum, length) => sum + length, 0));
  const view = new DataView(bytes.buffer);
  let at = directory;
  lengths.forEach((length, i) => {
    if (i < segments - 1) view.setUint32(LENGTH_BYTES * i, length, true);
    bytes.set(streams.subarray(i * room + starts[i], (i + 1) * room), at);
    at += length;
  });
  return bytes;
}

/**
 * Undoes `encodeSymbols`.
 * @param symbols [rows, columns] out
 * @throws FormatError when a symbol has no table, or a segment does not end where its symbols do
 */
export function decodeSymbols(
  bytes: Uint8Array,
  tables: readonly Uint16Array[],
  contexts: Contexts,
  symbols: Uint8Array,
  coder: EntropyCoder,
): void {
  const task = ransTask(tables[0].length, contexts);
  refuseEmpty(tables, contexts);
  const ends = segmentEnds(bytes, task);
  if (!coder.decodeSegments(task, aliasBuckets(tables), bytes, ends, symbols))
    throw new FormatError('coded symbols: a segment ends where its symbols do not: the stream is damaged or cut off');
}

function refuseEmpty(tables: readonly Uint16Array[], { columnClasses, ofRow, ofColumn }: Contexts): void {
  const columns = new Set(ofColumn);
  for (const row of new Set(ofRow))
    for (const column of columns)
      if (tables[row * columnClasses + column].every((frequency) => frequency === 0))
        throw new FormatError(`coded symbols: rows of class ${row} and columns of class ${column} have an empty table`);
}

/** Byte at which each segment begins, and the end of the last. @returns [segments + 1] */
function segmentEnds(bytes: Uint8Array, { segments, lanes }: RansTask): Uint32Array {
  const directory = LENGTH_BYTES * (segments - 1);
  if (bytes.length < directory)
    throw new FormatError(`coded symbols: ${bytes.length} bytes, expected at least ${directory}`);
  const view = new DataView(bytes.buffer, bytes.byteOffset);
  const ends = new Uint32Array(segments + 1);
  ends[0] = directory;
  for (let i = 0; i < segments; i++) {
    const rest = bytes.length - ends[i];
    const length = i < segments - 1 ? view.getUint32(LENGTH_BYTES * i, true) : rest;
    if (length < STATE_BYTES * lanes || length > rest)
      throw new FormatError(
        `coded symbols: segment ${i} of ${length} bytes, expected ${STATE_BYTES * lanes} to ${rest}`,
      );
    ends[i + 1] = ends[i] + length;
  }
  return ends;
}

/** Defines `EntropyCoder.encodeSegments`. */
export function encodeSegments(
  task: RansTask,
  { frequencies, starts, slots }: SlotTables,
  symbols: Uint8Array,
  streams: Uint8Array,
  found: Uint32Array,
): void {
  const { rows, columns, symbols: size, rowsOfSegment, segments, lanes, tableOfRow, tableOfColumn } = task;
  const room = streams.length / segments;
  const states = new Uint32Array(lanes);
  for (let segment = 0; segment < segments; segment++) {
    const first = segment * rowsOfSegment;
    let at = (segment + 1) * room;
    states.fill(LOWEST);
    for (let i = Math.min(rows, first + rowsOfSegment) - 1; i >= first; i--) {
      for (let j = columns - 1; j >= 0; j--) {
        const table = tableOfRow[i] + tableOfColumn[j];
        const entry = table * size + symbols[i * columns + j];
        const frequency = frequencies[entry];
        let state = states[j & (lanes - 1)];
        if (state >= frequency * 2 ** (32 - TOTAL_BITS)) {
          streams[--at] = state >>> 8;
          streams[--at] = state;
          state >>>= 16;
        }
        const place = starts[entry] + (state % frequency);
        states[j & (lanes - 1)] = Math.floor(state / frequency) * TOTAL + slots[table * TOTAL + place];
      }
    }
    for (let lane = lanes - 1; lane >= 0; lane--)
      for (let k = STATE_BYTES - 1; k >= 0; k--) streams[--at] = states[lane] >>> (8 * k);
    found[segment] = at - segment * room;
  }
}

/** Defines `EntropyCoder.decodeSegments`. */
export function decodeSegments(
  task: RansTask,
  buckets: Uint16Array,
  bytes: Uint8Array,
  ends: Uint32Array,
  symbols: Uint8Array,
): boolean {
  const { rows, columns, symbols: size, rowsOfSegment, segments, lanes, tableOfRow, tableOfColumn } = task;
  const shift = TOTAL_BITS - Math.log2(size);
  const view = new DataView(bytes.buffer, bytes.byteOffset, bytes.byteLength);
  const states = new Uint32Array(lanes);
  for (let segment = 0; segment < segments; segment++) {
    const end = ends[segment + 1];
    let at = ends[segment];
    for (let lane = 0; lane < lanes; lane++, at += STATE_BYTES) states[lane] = view.getUint32(at, true);
    const last = Math.min(rows, (segment + 1) * rowsOfSegment);
    for (let i = segment * rowsOfSegment; i < last; i++) {
      for (let j = 0; j < columns; j++) {
        const state = states[j & (lanes - 1)];
        const slot = state & (TOTAL - 1);
        const table = (tableOfRow[i] + tableOfColumn[j]) * size;
        const own = slot >> shift;
        const bucket = BUCKET_WORDS * (table + own);
        const isOwn = slot < buckets[bucket + LIMIT];
        const symbol = isOwn ? own : buckets[bucket + OTHER];
        const place = isOwn ? slot - (own << shift) : (slot + buckets[bucket + OFFSET]) & 0xffff;
        symbols[i * columns + j] = symbol;
        let next = buckets[BUCKET_WORDS * (table + symbol) + FREQUENCY] * (state >>> TOTAL_BITS) + place;
        if (next < LOWEST) {
          if (at + 2 > end) return false;
          next = next * 65536 + view.getUint16(at, true);
          at += 2;
        }
        states[j & (lanes - 1)] = next;
      }
    }
    if (at !== end || states.some((state) => state !== LOWEST)) return false;
  }
  return true;
}
