/** Sums of code words: src/numeric/search/sets/sums.ts. */
import { LANES, vadd, vanyLess, vload, vloadSplat, vmul, VECTOR, vsplat, vstore, vsub } from '../../lanes';
import { scratch, shareStart } from '../../share';

/** Words of a book, and bytes of one of its values for all words. */
const WORDS: i32 = 256;
const ROW: usize = 1024;

/*
 * Scratch memory of a thread:
 *   0     f32 [256] costs of words
 *   1024  4 × candidate
 *   1152  rests of two generations of partial sums, f32 [2, 4, 8], then their codes, u8 [2, 4, 16]
 */
// @ts-ignore: decorator
@inline export function wordCost(code: i32 = 0): usize { return scratch + (<usize>code << 2); }
// @ts-ignore: decorator
@inline function candidate(k: i32): Candidate { return changetype<Candidate>(scratch + 1024 + (<usize>k << 4)); }
// @ts-ignore: decorator
@inline function restOf(generation: i32, k: i32): usize { return scratch + 1152 + (<usize>((generation << 2) + k) << 5); }
// @ts-ignore: decorator
@inline function pathOf(generation: i32, k: i32): usize { return scratch + 1408 + (<usize>((generation << 2) + k) << 4); }

@unmanaged class Candidate {
  cost: f32;
  code: i32;
  parent: i32;
}

/**
 * Codes of `groups` groups by beam search.
 * @param words [books, 256, size] f32 @param turned [books, size, 256] f32, the same
 * @param x, w [groups, size] f32 @param codes [groups, books] u8 out
 */
export function nearestSums(
  words: usize, turned: usize, x: usize, w: usize, codes: usize, size: i32, books: i32, beam: i32, groups: i32,
  ith: i32, nth: i32,
): void {
  const end = shareStart(groups, 8, ith + 1, nth);
  for (let g = shareStart(groups, 8, ith, nth); g < end; g++) {
    const from = <usize>(g * size) << 2;
    const path = nearestSum(words, turned, x + from, w + from, size, books, beam), to = codes + <usize>(g * books);
    for (let m: usize = 0; m < <usize>books; m++) store<u8>(to + m, load<u8>(path + m));
  }
}

/** Returns the place of the group's codes. */
function nearestSum(words: usize, turned: usize, x: usize, w: usize, size: i32, books: i32, beam: i32): usize {
  const bookBytes = <usize>size * ROW;
  let count = 1;
  copyWords(restOf(0, 0), x, size);
  for (let m = 0; m < books; m++, words += bookBytes, turned += bookBytes) {
    let kept = 0;
    for (let k = 0; k < count; k++) {
      wordCosts(turned, size, restOf(m & 1, k), w);
      kept = keepCheapest(kept, beam, k);
    }
    for (let k = 0; k < kept; k++) descend(m, k, words, size);
    count = kept;
  }
  return pathOf(books & 1, 0);
}

// @ts-ignore: decorator
@inline function copyWords(to: usize, from: usize, size: i32): void {
  for (let i: usize = 0; i < <usize>size << 2; i += 4) store<f32>(to + i, load<f32>(from + i));
}

/** Candidate k becomes partial sum k of the next generation. */
function descend(m: i32, k: i32, words: usize, size: i32): void {
  const next = (m + 1) & 1, code = candidate(k).code, parent = candidate(k).parent;
  const from = restOf(m & 1, parent), to = restOf(next, k), word = words + (<usize>(code * size) << 2);
  for (let i: usize = 0; i < <usize>size << 2; i += 4) store<f32>(to + i, load<f32>(from + i) - load<f32>(word + i));
  for (let i: usize = 0; i < <usize>m; i++) store<u8>(pathOf(next, k) + i, load<u8>(pathOf(m & 1, parent) + i));
  store<u8>(pathOf(next, k) + <usize>m, <u8>code);
}

/** Σ w (x − word)² of every word of a book. */
export function wordCosts(turned: usize, size: i32, x: usize, w: usize): void {
  const rows = <usize>size * ROW;
  for (let code: usize = 0; code < ROW; code += 4 * VECTOR) {
    let a = vsplat(0), b = a, c = a, d = a;
    for (let row = code, i: usize = 0; row < rows; row += ROW, i += 4) {
      const value = vloadSplat(x + i), weight = vloadSplat(w + i), at = turned + row;
      const da = vsub(value, vload(at)), db = vsub(value, vload(at, VECTOR));
      const dc = vsub(value, vload(at, 2 * VECTOR)), dd = vsub(value, vload(at, 3 * VECTOR));
      a = vadd(a, vmul(vmul(weight, da), da));
      b = vadd(b, vmul(vmul(weight, db), db));
      c = vadd(c, vmul(vmul(weight, dc), dc));
      d = vadd(d, vmul(vmul(weight, dd), dd));
    }
    const to = wordCost() + code;
    vstore(to, a);
    vstore(to, b, VECTOR);
    vstore(to, c, 2 * VECTOR);
    vstore(to, d, 3 * VECTOR);
  }
}

/** The first of the words whose cost is least. */
export function cheapestWord(): i32 {
  let best = 0;
  let least: f32 = Infinity;
  for (let code = 0; code < WORDS; code += LANES) {
    if (!vanyLess(vload(wordCost(code)), vsplat(least))) continue;
    for (let k = code; k < code + LANES; k++) {
      const cost = load<f32>(wordCost(k));
      if (!(cost < least)) continue;
      least = cost;
      best = k;
    }
  }
  return best;
}

/** Inserts words into the `kept` cheapest candidates so far, each behind those that cost as much; returns how many there are. */
function keepCheapest(kept: i32, most: i32, parent: i32): i32 {
  for (let code = 0; code < WORDS; code += LANES) {
    if (kept == most && !vanyLess(vload(wordCost(code)), vsplat(candidate(most - 1).cost))) continue;
    for (let k = code; k < code + LANES; k++) {
      const cost = load<f32>(wordCost(k));
      if (kept == most && !(cost < candidate(most - 1).cost)) continue;
      if (kept < most) kept++;
      insert(kept - 1, cost, k, parent);
    }
  }
  return kept;
}

/** Into the candidates before the last one, which falls away. */
function insert(last: i32, cost: f32, code: i32, parent: i32): void {
  let at = last;
  for (; at > 0 && cost < candidate(at - 1).cost; at--) {
    const from = candidate(at - 1), to = candidate(at);
    to.cost = from.cost;
    to.code = from.code;
    to.parent = from.parent;
  }
  const one = candidate(at);
  one.cost = cost;
  one.code = code;
  one.parent = parent;
}
