import { scratch, shareStart } from '../share';
import { LANES, LOWEST, SLOTS, Task, TOTAL_BITS } from './task';

/*
 * A bucket is 8 bytes, as src/numeric/entropy/alias.ts has them: u16 frequency of its own symbol; offset of the other one,
 * the slot from which on it holds, and the other symbol.
 */
const BUCKET_BITS: i32 = 3;
/** Bytes that eight lanes take at most. */
const MOST_BYTES: usize = 16;

/** Where the segment's words are read, and whether they sufficed. */
let at: usize = 0;
let isShort: bool = false;

// States stand in scratch memory: u32 [LANES].
// @ts-ignore: decorator
@inline function stateAt(lane: i32): usize { return scratch + (<usize>lane << 2); }

/**
 * symbols[rows, columns] of streams; see src/numeric/entropy/rans.ts.
 * @param ends u32 [segments + 1], places in `bytes`
 * @param failed u8 [segments] out: 1 where a segment does not end where its symbols do
 */
export function decodeSegments(
  task: usize, buckets: usize, bytes: usize, ends: usize, symbols: usize, failed: usize, ith: i32, nth: i32,
): void {
  const t = changetype<Task>(task);
  const last = shareStart(t.segments, 1, ith + 1, nth);
  for (let s = shareStart(t.segments, 1, ith, nth); s < last; s++) {
    const from = bytes + load<u32>(ends + (<usize>s << 2));
    const end = bytes + load<u32>(ends + (<usize>s << 2), 4);
    store<u8>(failed + s, decodeSegment(t, buckets, s, from, end, symbols) ? 0 : 1);
  }
}

function decodeSegment(t: Task, buckets: usize, segment: i32, from: usize, end: usize, symbols: usize): bool {
  const lanes = t.lanes;
  memory.copy(scratch, from, <usize>lanes << 2);
  at = from + (<usize>lanes << 2);
  isShort = false;
  const tableBits = BUCKET_BITS + ctz(t.symbols);
  const shift = TOTAL_BITS - ctz(t.symbols);
  const last = min(t.rows, (segment + 1) * t.rowsOfSegment);
  for (let i = segment * t.rowsOfSegment; i < last; i++) {
    const base = buckets + (<usize>load<u32>(t.tableOfRow + (<usize>i << 2)) << tableBits);
    const to = symbols + <usize>i * t.columns;
    let j = 0;
    if (lanes == LANES) {
      // what the last lanes cannot take whole is taken symbol by symbol, with a look at the end before each word
      while (j + LANES <= t.columns && at + MOST_BYTES <= end) j = eightByEight(t, base, tableBits, shift, to, j, end);
    }
    for (; j < t.columns; j++) one(t, base, tableBits, shift, to, j, lanes, end);
    if (isShort) return false;
  }
  for (let lane = 0; lane < lanes; lane++) if (load<u32>(stateAt(lane)) != LOWEST) return false;
  return at == end;
}

/** Symbol of a slot, in the lowest 8 bits, and its place among that symbol's above 16. */
// @ts-ignore: decorator
@inline function held(table: usize, slot: u32, shift: i32): u32 {
  const own = slot >> shift;
  const bucket = load<u64>(table + (<usize>own << BUCKET_BITS));
  const other = <u32>(bucket >> 48) | ((slot + <u32>(bucket >> 16)) << 16);
  return select<u32>(own | ((slot - (own << shift)) << 16), other, slot < (<u32>(bucket >> 32) & 0xffff));
}

// @ts-ignore: decorator
@inline function next(table: usize, found: u32, state: u32): u32 {
  return <u32>load<u16>(table + (<usize>(found & 0xff) << BUCKET_BITS)) * (state >> TOTAL_BITS) + (found >> 16);
}

// @ts-ignore: decorator
@inline function tableOf(t: Task, base: usize, tableBits: i32, j: i32): usize {
  return base + (<usize>load<u32>(t.tableOfColumn + (<usize>j << 2)) << tableBits);
}

/** Writes the symbol of column j. @returns the state after it, which may lack a word */
// @ts-ignore: decorator
@inline function put(t: Task, base: usize, tableBits: i32, shift: i32, to: usize, j: i32, state: u32): u32 {
  const table = tableOf(t, base, tableBits, j);
  const found = held(table, state & (SLOTS - 1), shift);
  store<u8>(to + j, <u8>found);
  return next(table, found, state);
}

// @ts-ignore: decorator
@inline function filled(state: u32, words: usize): u32 {
  return select<u32>((state << 16) | <u32>load<u16>(words), state, state < LOWEST);
}

/** Bytes that filling takes. */
// @ts-ignore: decorator
@inline function taken(state: u32): usize { return <usize>(state < LOWEST) << 1; }

function one(t: Task, base: usize, tableBits: i32, shift: i32, to: usize, j: i32, lanes: i32, end: usize): void {
  const place = stateAt(j & (lanes - 1));
  const state = put(t, base, tableBits, shift, to, j, load<u32>(place));
  if (state >= LOWEST) {
    store<u32>(place, state);
  } else if (at + 2 > end) {
    isShort = true;
  } else {
    store<u32>(place, filled(state, at));
    at += 2;
  }
}

/** Columns j … of a row, eight at a time as long as words are there. @returns the column after them */
function eightByEight(t: Task, base: usize, tableBits: i32, shift: i32, to: usize, j: i32, end: usize): i32 {
  let words = at;
  let a = load<u32>(scratch);
  let b = load<u32>(scratch, 4);
  let c = load<u32>(scratch, 8);
  let d = load<u32>(scratch, 12);
  let e = load<u32>(scratch, 16);
  let f = load<u32>(scratch, 20);
  let g = load<u32>(scratch, 24);
  let h = load<u32>(scratch, 28);
  for (; j + LANES <= t.columns && words + MOST_BYTES <= end; j += LANES) {
    let state = put(t, base, tableBits, shift, to, j, a);
    a = filled(state, words);
    words += taken(state);
    state = put(t, base, tableBits, shift, to, j + 1, b);
    b = filled(state, words);
    words += taken(state);
    state = put(t, base, tableBits, shift, to, j + 2, c);
    c = filled(state, words);
    words += taken(state);
    state = put(t, base, tableBits, shift, to, j + 3, d);
    d = filled(state, words);
    words += taken(state);
    state = put(t, base, tableBits, shift, to, j + 4, e);
    e = filled(state, words);
    words += taken(state);
    state = put(t, base, tableBits, shift, to, j + 5, f);
    f = filled(state, words);
    words += taken(state);
    state = put(t, base, tableBits, shift, to, j + 6, g);
    g = filled(state, words);
    words += taken(state);
    state = put(t, base, tableBits, shift, to, j + 7, h);
    h = filled(state, words);
    words += taken(state);
  }
  store<u32>(scratch, a);
  store<u32>(scratch, b, 4);
  store<u32>(scratch, c, 8);
  store<u32>(scratch, d, 12);
  store<u32>(scratch, e, 16);
  store<u32>(scratch, f, 20);
  store<u32>(scratch, g, 24);
  store<u32>(scratch, h, 28);
  at = words;
  return j;
}
