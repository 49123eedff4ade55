import { scratch, shareStart } from '../share';
import { LANES, LOWEST, SLOTS, Task, TOTAL_BITS } from './task';

/*
 * A bucket is 16 bytes, as src/numeric/entropy/alias.ts has them: of its own symbol and of another one u16 frequency,
 * offset and symbol; behind the first the slot from which on the other one holds.
 */
const BUCKET_BITS: i32 = 4;
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

/** Address of what a state's slot holds in the table at `base`. */
// @ts-ignore: decorator
@inline function held(base: usize, slot: u32, shift: i32): usize {
  const bucket = base + (<usize>(slot >> shift) << BUCKET_BITS);
  return bucket + (<usize>(slot >= <u32>load<u16>(bucket, 6)) << 3);
}

// @ts-ignore: decorator
@inline function next(entry: u64, state: u32, slot: u32): u32 {
  return <u32>(entry & 0xffff) * (state >> TOTAL_BITS) + ((slot + <u32>(entry >> 16)) & 0xffff);
}

// @ts-ignore: decorator
@inline function table(t: Task, base: usize, tableBits: i32, j: i32): usize {
  return base + (<usize>load<u32>(t.tableOfColumn + (<usize>j << 2)) << tableBits);
}

function one(t: Task, base: usize, tableBits: i32, shift: i32, to: usize, j: i32, lanes: i32, end: usize): void {
  const place = stateAt(j & (lanes - 1));
  let state = load<u32>(place);
  const slot = state & (SLOTS - 1);
  const entry = load<u64>(held(table(t, base, tableBits, j), slot, shift));
  store<u8>(to + j, <u8>(entry >> 32));
  state = next(entry, state, slot);
  if (state < LOWEST) {
    if (at + 2 > end) {
      isShort = true;
    } else {
      state = (state << 16) | load<u16>(at);
      at += 2;
    }
  }
  store<u32>(place, state);
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
    let slot = a & (SLOTS - 1);
    let entry = load<u64>(held(table(t, base, tableBits, j), slot, shift));
    store<u8>(to + j, <u8>(entry >> 32));
    a = next(entry, a, slot);
    let lacks = a < LOWEST;
    a = select<u32>((a << 16) | <u32>load<u16>(words), a, lacks);
    words += <usize>lacks << 1;

    slot = b & (SLOTS - 1);
    entry = load<u64>(held(table(t, base, tableBits, j + 1), slot, shift));
    store<u8>(to + j, <u8>(entry >> 32), 1);
    b = next(entry, b, slot);
    lacks = b < LOWEST;
    b = select<u32>((b << 16) | <u32>load<u16>(words), b, lacks);
    words += <usize>lacks << 1;

    slot = c & (SLOTS - 1);
    entry = load<u64>(held(table(t, base, tableBits, j + 2), slot, shift));
    store<u8>(to + j, <u8>(entry >> 32), 2);
    c = next(entry, c, slot);
    lacks = c < LOWEST;
    c = select<u32>((c << 16) | <u32>load<u16>(words), c, lacks);
    words += <usize>lacks << 1;

    slot = d & (SLOTS - 1);
    entry = load<u64>(held(table(t, base, tableBits, j + 3), slot, shift));
    store<u8>(to + j, <u8>(entry >> 32), 3);
    d = next(entry, d, slot);
    lacks = d < LOWEST;
    d = select<u32>((d << 16) | <u32>load<u16>(words), d, lacks);
    words += <usize>lacks << 1;

    slot = e & (SLOTS - 1);
    entry = load<u64>(held(table(t, base, tableBits, j + 4), slot, shift));
    store<u8>(to + j, <u8>(entry >> 32), 4);
    e = next(entry, e, slot);
    lacks = e < LOWEST;
    e = select<u32>((e << 16) | <u32>load<u16>(words), e, lacks);
    words += <usize>lacks << 1;

    slot = f & (SLOTS - 1);
    entry = load<u64>(held(table(t, base, tableBits, j + 5), slot, shift));
    store<u8>(to + j, <u8>(entry >> 32), 5);
    f = next(entry, f, slot);
    lacks = f < LOWEST;
    f = select<u32>((f << 16) | <u32>load<u16>(words), f, lacks);
    words += <usize>lacks << 1;

    slot = g & (SLOTS - 1);
    entry = load<u64>(held(table(t, base, tableBits, j + 6), slot, shift));
    store<u8>(to + j, <u8>(entry >> 32), 6);
    g = next(entry, g, slot);
    lacks = g < LOWEST;
    g = select<u32>((g << 16) | <u32>load<u16>(words), g, lacks);
    words += <usize>lacks << 1;

    slot = h & (SLOTS - 1);
    entry = load<u64>(held(table(t, base, tableBits, j + 7), slot, shift));
    store<u8>(to + j, <u8>(entry >> 32), 7);
    h = next(entry, h, slot);
    lacks = h < LOWEST;
    h = select<u32>((h << 16) | <u32>load<u16>(words), h, lacks);
    words += <usize>lacks << 1;
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
