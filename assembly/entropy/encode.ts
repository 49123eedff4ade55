import { scratch, shareStart } from '../share';
import { LOWEST, Task, TOTAL_BITS } from './task';

/**
 * Streams of symbols[rows, columns], each from the end of its room on; see src/numeric/entropy/rans.ts.
 * @param frequencies, starts u16 [tables, symbols]
 * @param slots u16 [tables, 2^14], the slot of every place of a symbol
 * @param streams u8 [segments, room] out
 * @param found u32 [segments] out: the stream's first byte in its room
 */
export function encodeSegments(
  task: usize, frequencies: usize, starts: usize, slots: usize, symbols: usize, streams: usize, found: usize, room: i32,
  ith: i32, nth: i32,
): void {
  const t = changetype<Task>(task);
  const last = shareStart(t.segments, 1, ith + 1, nth);
  for (let s = shareStart(t.segments, 1, ith, nth); s < last; s++) {
    const from = streams + <usize>s * room;
    store<u32>(found + (<usize>s << 2), <u32>(encodeSegment(t, frequencies, starts, slots, s, symbols, from + room) - from));
  }
}

/** @param at the first byte after the room @returns the stream's first byte */
function encodeSegment(
  t: Task, frequencies: usize, starts: usize, slots: usize, segment: i32, symbols: usize, at: usize,
): usize {
  const lanes = t.lanes;
  const symbolBits = ctz(t.symbols);
  const first = segment * t.rowsOfSegment;
  for (let lane = 0; lane < lanes; lane++) store<u32>(scratch + (<usize>lane << 2), LOWEST);
  for (let i = min(t.rows, first + t.rowsOfSegment) - 1; i >= first; i--) {
    const ofRow = load<u32>(t.tableOfRow + (<usize>i << 2));
    const row = symbols + <usize>i * t.columns;
    for (let j = t.columns - 1; j >= 0; j--) {
      const table = ofRow + load<u32>(t.tableOfColumn + (<usize>j << 2));
      const entry = ((<usize>table << symbolBits) + <usize>load<u8>(row + j)) << 1;
      const frequency = <u32>load<u16>(frequencies + entry);
      const place = scratch + (<usize>(j & (lanes - 1)) << 2);
      let state = load<u32>(place);
      if (state >> (32 - TOTAL_BITS) >= frequency) {
        at -= 2;
        store<u16>(at, <u16>state);
        state >>= 16;
      }
      const quotient = state / frequency;
      const slot = (table << TOTAL_BITS) + <u32>load<u16>(starts + entry) + (state - quotient * frequency);
      store<u32>(place, (quotient << TOTAL_BITS) + <u32>load<u16>(slots + (<usize>slot << 1)));
    }
  }
  at -= <usize>lanes << 2;
  memory.copy(at, scratch, <usize>lanes << 2);
  return at;
}
