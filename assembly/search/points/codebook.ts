/**
 * Points near to groups of 8 values: src/numeric/search/points/codebook.ts. A book in memory (src/kernels/wasm/books.ts lays it
 * out): int32 values per entry, levels, values per term, signs (0 none, 1 free, 2 an even number of minus signs), entries;
 * float64 smallest and largest magnitude at 24; addresses of entries, lists known, lists, and their places at 40; float64
 * levels at 64, `rank` [512] at 128, places of each entry's terms [entries] at 640.
 */
import { scratch } from '../../share';
import { cheapest, cheapestIndex, costOf, magnitudes } from './entries';

const GROUP: i32 = 8;
const NEIGHBOURS: i32 = 16;
const TERMS: i32 = 4;
const EVEN: i32 = 2;

// @ts-ignore: decorator
@inline function sizeOf(book: usize): i32 { return load<i32>(book); }
// @ts-ignore: decorator
@inline function levelCount(book: usize): i32 { return load<i32>(book, 4); }
// @ts-ignore: decorator
@inline function isPaired(book: usize): bool { return load<i32>(book, 8) == 2; }
// @ts-ignore: decorator
@inline function signsOf(book: usize): i32 { return load<i32>(book, 12); }
// @ts-ignore: decorator
@inline function entryCount(book: usize): i32 { return load<i32>(book, 16); }
// @ts-ignore: decorator
@inline function smallestOf(book: usize): f64 { return load<f64>(book, 24); }
// @ts-ignore: decorator
@inline function largestOf(book: usize): f64 { return load<f64>(book, 32); }
// @ts-ignore: decorator
@inline function levelAt(book: usize, l: i32): f64 { return load<f64>(book + 64 + (<usize>l << 3)); }

/** Scratch: the group divided by the scale, costs of terms, equal weights, the group before a list was made, the list. */
// @ts-ignore: decorator
@inline function yAt(i: i32): usize { return scratch + 8192 + (<usize>i << 3); }
// @ts-ignore: decorator
@inline function costs(): usize { return scratch + 8256; }
// @ts-ignore: decorator
@inline function equalWeights(): usize { return scratch + 8768; }
// @ts-ignore: decorator
@inline function kept(): usize { return scratch + 8832; }
// @ts-ignore: decorator
@inline function distanceAt(k: i32): usize { return scratch + 8896 + (<usize>k << 3); }
// @ts-ignore: decorator
@inline function listed(k: i32): usize { return scratch + 9024 + (<usize>k << 1); }
// @ts-ignore: decorator
@inline function listedPlace(k: i32): usize { return scratch + 9088 + (<usize>k << 2); }

/** Results of `nearest`: entries (the second where an entry has 4 values) and signs. */
export let entry0: i32 = 0;
export let entry1: i32 = 0;
export let foundSigns: i32 = 0;

/**
 * A point near to the 8 values at x under the weights at w.
 * @param q [8] float64 out, signed levels
 * @returns Σ w (x/scale − q)²
 */
export function nearest(book: usize, x: usize, w: usize, scale: f64, q: usize): f64 {
  const signs = signsOf(book) == 0 ? loadSigned(book, x, scale) : loadMagnitudes(book, x, w, scale);
  let total = nearestEntry(book, w, 0, q);
  entry0 = found;
  if (sizeOf(book) < GROUP) {
    total += nearestEntry(book, w, 4, q);
    entry1 = found;
  }
  for (let i = 0; i < GROUP; i++) {
    const at = q + (<usize>i << 3);
    store<u64>(at, load<u64>(at) ^ (<u64>((signs >> i) & 1) << 63)); // −q where the bit is set
  }
  foundSigns = signs;
  return total;
}

function loadSigned(book: usize, x: usize, scale: f64): i32 {
  const bound = 2 * largestOf(book);
  for (let i = 0; i < GROUP; i++) {
    const place = load<f64>(x + (<usize>i << 3)) / scale;
    store<f64>(yAt(i), scale > 0 ? max(-bound, min(place, bound)) : 0);
  }
  return 0;
}

function loadMagnitudes(book: usize, x: usize, w: usize, scale: f64): i32 {
  const signs = magnitudes(x, yAt(0), scale, 2 * largestOf(book));
  if (signsOf(book) != EVEN || (popcnt<i32>(signs) & 1) == 0) return signs;
  const flipped = cheapestFlip(book, w);
  store<f64>(yAt(flipped), -load<f64>(yAt(flipped)));
  return signs ^ (1 << flipped);
}

/** The value that loses least by the wrong sign. */
function cheapestFlip(book: usize, w: usize): i32 {
  const smallest = smallestOf(book);
  let best = 0;
  let least: f64 = Infinity;
  for (let i = 0; i < GROUP; i++) {
    const y = load<f64>(yAt(i));
    const near: f64 = y <= smallest ? y - smallest : 0;
    const loss = load<f64>(w + (<usize>i << 3)) * ((y + smallest) * (y + smallest) - near * near);
    if (loss < least) {
      least = loss;
      best = i;
    }
  }
  return best;
}

/** Result of `nearestEntry`. */
let found: i32 = 0;

/** The entry near to values [from, from + size) of the group, its levels to q. Returns its cost. */
function nearestEntry(book: usize, w: usize, from: i32, q: usize): f64 {
  const cell = cellOf(book, from);
  if (atomic.load<u8>(knownLists(book) + <usize>cell) == 0) makeList(book, cell);
  addCosts(book, w + (<usize>from << 3), from);
  const least = cheapest(placesOfLists(book) + ((<usize>cell * <usize>NEIGHBOURS) << 2), costs(), NEIGHBOURS);
  const best = cheapestIndex;
  found = <i32>load<u16>(lists(book) + ((<usize>cell * <usize>NEIGHBOURS + <usize>best) << 1));
  const size = sizeOf(book);
  const levels = entriesOf(book) + <usize>(found * size);
  for (let i = 0; i < size; i++) store<f64>(q + (<usize>(from + i) << 3), <f64>load<i8>(levels + <usize>i));
  return least;
}

// @ts-ignore: decorator
@inline function entriesOf(book: usize): usize { return <usize>load<u32>(book, 40); }
// @ts-ignore: decorator
@inline function knownLists(book: usize): usize { return <usize>load<u32>(book, 44); }
// @ts-ignore: decorator
@inline function lists(book: usize): usize { return <usize>load<u32>(book, 48); }
// @ts-ignore: decorator
@inline function placesOfLists(book: usize): usize { return <usize>load<u32>(book, 52); }

/** The point of the lattice of levels that is nearest to the values from `from` on. */
function cellOf(book: usize, from: i32): i32 {
  const count = levelCount(book), end = from + sizeOf(book);
  let cell = 0;
  for (let i = from; i < end; i++) {
    cell = cell * count + <i32>load<u8>(book + 128 + <usize><i32>(load<f64>(yAt(i)) * 2 + 256));
  }
  return cell;
}

// @ts-ignore: decorator
@inline function squared(weight: f64, level: f64, value: f64): f64 { return weight * (level - value) * (level - value); }

/** Costs of all terms of the values from `from` on. @param w their weights */
function addCosts(book: usize, w: usize, from: i32): void {
  const count = levelCount(book);
  let place = costs();
  if (!isPaired(book)) {
    for (let i = 0; i < TERMS; i++) {
      const value = load<f64>(yAt(from + i)), weight = load<f64>(w + (<usize>i << 3));
      for (let l = 0; l < count; l++, place += 8) store<f64>(place, squared(weight, levelAt(book, l), value));
    }
    return;
  }
  // pairs of values of three levels
  const low = levelAt(book, 0), middle = levelAt(book, 1), high = levelAt(book, 2);
  for (let i = 0; i < 2 * TERMS; i += 2, place += 72) {
    const at = w + (<usize>i << 3);
    const value = load<f64>(yAt(from + i)), other = load<f64>(yAt(from + i + 1));
    const weight = load<f64>(at), otherWeight = load<f64>(at, 8);
    const a = squared(otherWeight, low, other), b = squared(otherWeight, middle, other), c = squared(otherWeight, high, other);
    const first = squared(weight, low, value), second = squared(weight, middle, value), third = squared(weight, high, value);
    store<f64>(place, first + a);
    store<f64>(place, first + b, 8);
    store<f64>(place, first + c, 16);
    store<f64>(place, second + a, 24);
    store<f64>(place, second + b, 32);
    store<f64>(place, second + c, 40);
    store<f64>(place, third + a, 48);
    store<f64>(place, third + b, 56);
    store<f64>(place, third + c, 64);
  }
}

/**
 * Makes the list of a cell: the entries nearest to its point, all weights equal. Threads may make the same one at once, so
 * it is made apart and copied when whole.
 */
function makeList(book: usize, cell: i32): void {
  const size = sizeOf(book), count = levelCount(book);
  memory.copy(kept(), yAt(0), 64);
  for (let i = size - 1, rest = cell; i >= 0; i--, rest /= count) store<f64>(yAt(i), levelAt(book, rest % count));
  for (let i = 0; i < GROUP; i++) store<f64>(equalWeights() + (<usize>i << 3), 1);
  addCosts(book, equalWeights(), 0);
  memory.copy(yAt(0), kept(), 64);
  for (let k = 0; k < NEIGHBOURS; k++) store<f64>(distanceAt(k), Infinity);
  const entries = entryCount(book);
  for (let entry = 0; entry < entries; entry++) insert(entry, load<u32>(book + 640 + (<usize>entry << 2)));
  const first = <usize>(cell * NEIGHBOURS);
  memory.copy(lists(book) + (first << 1), listed(0), 2 * NEIGHBOURS);
  memory.copy(placesOfLists(book) + (first << 2), listedPlace(0), 4 * NEIGHBOURS);
  atomic.store<u8>(knownLists(book) + <usize>cell, 1);
}

/** Puts an entry where its distance belongs, if it is near enough. */
function insert(entry: i32, places: u32): void {
  const distance = costOf(places, costs());
  let k = NEIGHBOURS - 1;
  if (distance >= load<f64>(distanceAt(k))) return;
  for (; k > 0 && distance < load<f64>(distanceAt(k - 1)); k--) {
    store<f64>(distanceAt(k), load<f64>(distanceAt(k - 1)));
    store<u16>(listed(k), load<u16>(listed(k - 1)));
    store<u32>(listedPlace(k), load<u32>(listedPlace(k - 1)));
  }
  store<f64>(distanceAt(k), distance);
  store<u16>(listed(k), <u16>entry);
  store<u32>(listedPlace(k), places);
}
