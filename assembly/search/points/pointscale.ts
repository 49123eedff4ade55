/** Search for d and the codes of the scales of points: src/numeric/search/points/pointscale.ts. */
import { shareStart } from '../../share';
import { loadBlock } from '../block';
import { BOOK_BYTES, largestLevel, smallestLevel } from './books';
import { correlatePoints, pointQQ, pointXQ } from './points';
import { round, roundScale } from '../round';
import { blockW, blockX, get, ideal, set, subQQ, subXQ } from '../scratch';

const BLOCK: i32 = 256;
const ALTERNATIONS: i32 = 2;
const D_STARTS: i32 = 6;
const D_STEP: f64 = 0.03;
const MODEL_ROUNDS: i32 = 2;
const CLOSE: i32 = 8;

/** The search at hand, and where its results go. */
let books: usize = 0;
let bookCount: i32 = 0;
let subBlock: i32 = 0;
let subBlocks: i32 = 0;
let unit: f64 = 0;
let highest: i32 = 0;
let starts: usize = 0;
let startCount: i32 = 0;
let codes: usize = 0;
let chosen: usize = 0;

/**
 * Searches of `count` blocks. @param spec float64: values per sub-block, unit, highest, starts, books, then the starts
 * @param d [count] float64 out @param a [count, subBlocks] int32 out @param which [count, subBlocks] u8 out
 */
export function searchPointScales(
  spec: usize, bookList: usize, values: usize, importance: usize, d: usize, a: usize, which: usize,
  count: i32, ith: i32, nth: i32,
): void {
  books = bookList;
  subBlock = <i32>get(spec);
  subBlocks = BLOCK / subBlock;
  unit = get(spec + 8);
  highest = <i32>get(spec + 16);
  startCount = <i32>get(spec + 24);
  bookCount = <i32>get(spec + 32);
  starts = spec + 40;
  const end = shareStart(count, 1, ith + 1, nth);
  for (let i = shareStart(count, 1, ith, nth); i < end; i++) {
    const from = <usize>(i * BLOCK) * 4;
    loadBlock(values + from, importance == 0 ? 0 : importance + from, BLOCK, blockX(), blockW());
    codes = a + (<usize>(i * subBlocks) << 2);
    chosen = which + <usize>(i * subBlocks);
    set(d + (<usize>i << 3), searchBlock());
  }
}

// @ts-ignore: decorator
@inline function code(j: i32): i32 { return load<i32>(codes + (<usize>j << 2)); }
// @ts-ignore: decorator
@inline function setCode(j: i32, value: i32): void { store<i32>(codes + (<usize>j << 2), value); }
// @ts-ignore: decorator
@inline function scaleOf(d: f64, a: i32): f64 { return d * unit * <f64>(2 * a + 1); }
/** Error less Σ w x². */
// @ts-ignore: decorator
@inline function error(scale: f64, qq: f64, xq: f64): f64 { return scale * (scale * qq + 2 * (0 - xq)); }

function searchBlock(): f64 {
  let largest: f64 = 0;
  for (let j = 0; j < subBlocks; j++) {
    const scale = idealScale(j);
    set(ideal(j), scale);
    largest = max(largest, scale);
  }
  memory.fill(codes, 0, <usize>subBlocks << 2);
  if (largest == 0) return 0;
  let d: f64 = 0, least: f64 = Infinity;
  for (let k = 0; k < D_STARTS; k++) {
    const start = roundScale((largest / (unit * <f64>(2 * highest + 1))) * (1 + <f64>(k - 1) * D_STEP));
    const loss = chooseCodes(start);
    if (loss >= least) continue;
    least = loss;
    d = start;
  }
  if (d > 0) chooseCodes(d);
  for (let i = 0; i < MODEL_ROUNDS; i++) {
    const fitted = leastSquares();
    d = roundScale(fitted == 0 || fitted != fitted ? d : fitted);
    chooseCodes(d);
  }
  let loss: f64 = 0;
  for (let j = 0; j < subBlocks; j++) loss += exactCode(j, d);
  return loss < 0 ? d : 0;
}

/** The scale of sub-block j that minimizes the error, with the book it does so in; 0 when all x are 0. */
function idealScale(j: i32): f64 {
  const x = blockX(j * subBlock);
  store<u8>(chosen + <usize>j, 0);
  set(subQQ(j), 0);
  set(subXQ(j), 0);
  let largest: f64 = 0, smallest: f64 = Infinity;
  for (let at = x, end = x + (<usize>subBlock << 3); at < end; at += 8) {
    largest = max(largest, abs(get(at)));
    smallest = min(smallest, abs(get(at)));
  }
  if (largest == 0) return 0;
  bestGain = 0;
  for (let index = 0; index < bookCount; index++) {
    const book = books + <usize>index * BOOK_BYTES;
    for (let k = 0; k < startCount; k++) attempt(j, index, largest / (get(starts + (<usize>k << 3)) * largestLevel(book)));
    // constant values are exact under the point of smallest levels
    if (smallest == largest) attempt(j, index, largest / smallestLevel(book));
  }
  for (let i = 0; i < ALTERNATIONS && get(subQQ(j)) > 0; i++) {
    if (!attempt(j, <i32>load<u8>(chosen + <usize>j), get(subXQ(j)) / get(subQQ(j)))) break;
  }
  return get(subQQ(j)) > 0 ? get(subXQ(j)) / get(subQQ(j)) : 0;
}

let bestGain: f64 = 0;

/** Keeps the sums under a book and a scale where they are the best so far. */
function attempt(j: i32, book: i32, scale: f64): bool {
  correlatePoints(books + <usize>book * BOOK_BYTES, blockX(j * subBlock), blockW(j * subBlock), subBlock, scale);
  const gain: f64 = pointXQ > 0 ? (pointXQ * pointXQ) / pointQQ : 0;
  if (gain <= bestGain) return false;
  bestGain = gain;
  store<u8>(chosen + <usize>j, <u8>book);
  set(subQQ(j), pointQQ);
  set(subXQ(j), pointXQ);
  return true;
}

/** Best codes for d by the quadratic model. Returns its error, relative to that of all zeros. */
function chooseCodes(d: f64): f64 {
  let loss: f64 = 0;
  for (let j = 0; j < subBlocks; j++) {
    const nearest = round((get(ideal(j)) / (d * unit) - 1) / 2);
    const a = nearest > 0 ? <i32>min(nearest, <f64>highest) : 0;
    setCode(j, a);
    loss += error(scaleOf(d, a), get(subQQ(j)), get(subXQ(j)));
  }
  return loss;
}

/** The d that is best for the present codes. */
function leastSquares(): f64 {
  let numerator: f64 = 0, denominator: f64 = 0;
  for (let j = 0; j < subBlocks; j++) {
    const integer = unit * <f64>(2 * code(j) + 1);
    numerator += integer * get(subXQ(j));
    denominator += integer * integer * get(subQQ(j));
  }
  return denominator > 0 ? numerator / denominator : 0;
}

/** Sets the code of sub-block j to that with the least exact error among its neighbours; returns it, relative to zeros. */
function exactCode(j: i32, d: f64): f64 {
  const middle = code(j);
  const above = get(ideal(j)) > scaleOf(d, middle);
  const first = middle >= CLOSE && above ? middle : max(middle - 1, 0);
  const last = middle >= CLOSE && !above ? middle : min(middle + 1, highest);
  const book = books + <usize>load<u8>(chosen + <usize>j) * BOOK_BYTES;
  let least: f64 = Infinity;
  for (let a = first; a <= last; a++) {
    const scale = scaleOf(d, a);
    correlatePoints(book, blockX(j * subBlock), blockW(j * subBlock), subBlock, scale);
    const loss = error(scale, pointQQ, pointXQ);
    if (loss >= least) continue;
    least = loss;
    setCode(j, a);
  }
  return least;
}
