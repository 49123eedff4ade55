/**
 * What a search of groups is asked for, as the host lays it out (src/kernels/wasm/groups.ts): float64 words
 *  0 …  search, rounding, low, high, step, bits of codes
 *  6 …  grid of a float element: 2^(52 − mantissa bits), smallest normal, largest; what a minus sets, whether there is −0
 * 11 …  largest level, what stored scales are multiplied by
 * 13 …  mantissa bits of the scale (−1: powers of two), its smallest normal, its largest, whether it is rounded twice, whether
 *       its neighbours are tried
 * 18 …  cells: shift, least and largest magnitude
 * 21 …  narrowing, number of widths, widths
 * 31 …  number of starts, starts
 */
export const LEVELS: i32 = 0;
export const ZERO_POINT: i32 = 1;
export const NESTED: i32 = 2;

/** Roundings: to integers, ties to even or upwards; to a float; to a table; to integers and what they hold. */
export const TO_EVEN: i32 = 0;
export const UPWARDS: i32 = 1;
export const TO_FLOAT: i32 = 2;
export const TO_TABLE: i32 = 3;
export const TO_NESTED: i32 = 4;

export let kind: i32 = 0;
export let rounding: i32 = 0;
export let low: f64 = 0;
export let high: f64 = 0;
export let step: f64 = 0;
export let codeBits: i32 = 0;
export let floatUnits: f64 = 0;
export let floatNormal: f64 = 0;
export let floatLargest: f64 = 0;
export let floatNegative: i32 = 0;
export let floatNegativeZero: bool = false;
export let largestLevel: f64 = 0;
export let outer: f64 = 0;
export let scaleBits: i32 = 0;
export let scaleNormal: f64 = 0;
export let scaleLargest: f64 = 0;
export let scaleTwice: bool = false;
export let scaleCoarse: bool = false;
/** Address that a clamped magnitude's cell number, times 64, is added to. */
export let cells: usize = 0;
export let cellShift: i32 = 0;
export let cellLeast: f64 = 0;
export let cellMost: f64 = 0;
export let narrowing: i32 = 0;
export let widthCount: i32 = 0;
let widths: usize = 0;
export let startCount: i32 = 0;
let starts: usize = 0;

export function width(i: i32): i32 {
  return <i32>load<f64>(widths + (<usize>i << 3));
}

export function start(i: i32): f64 {
  return load<f64>(starts + (<usize>i << 3));
}

// @ts-ignore: decorator
@inline function word(at: usize, i: i32): f64 { return load<f64>(at + (<usize>i << 3)); }

/** Reads a spec; the search at hand works by it until the next is read. @param table cells, 0 where there are none */
export function readGroupSpec(at: usize, table: usize): void {
  kind = <i32>word(at, 0);
  rounding = <i32>word(at, 1);
  low = word(at, 2);
  high = word(at, 3);
  step = word(at, 4);
  codeBits = <i32>word(at, 5);
  floatUnits = word(at, 6);
  floatNormal = word(at, 7);
  floatLargest = word(at, 8);
  floatNegative = <i32>word(at, 9);
  floatNegativeZero = word(at, 10) != 0;
  largestLevel = word(at, 11);
  outer = word(at, 12);
  scaleBits = <i32>word(at, 13);
  scaleNormal = word(at, 14);
  scaleLargest = word(at, 15);
  scaleTwice = word(at, 16) != 0;
  scaleCoarse = word(at, 17) != 0;
  cellShift = <i32>word(at, 18);
  cellLeast = word(at, 19);
  cellMost = word(at, 20);
  narrowing = <i32>word(at, 21);
  widthCount = <i32>word(at, 22);
  widths = at + 23 * 8;
  startCount = <i32>word(at, 31);
  starts = at + 32 * 8;
  cells = table - <usize>((reinterpret<u64>(cellLeast) >> cellShift) << 6);
}
