/**
 * What a search is asked for, as the host lays it out (src/kernels/wasm/search.ts): float64 words
 * 0 …  low level, high level, whether levels are integers, number of starts,
 * 4 …  sub-blocks, values per sub-block, lowest and highest integer, reach, largest code (0: no minimums), whether minimums have a sign,
 * 11 … number of stored scales (0: none), whether those near the ideal one are tried, their place in words,
 * 16 … starts (inverse positions, or pairs where there are minimums), 48 … table of levels.
 */
export let levelsLow: f64 = 0;
export let levelsHigh: f64 = 0;
export let levelsAreIntegers: bool = false;
export let levelsTable: usize = 0;
export let starts: usize = 0;
export let startCount: i32 = 0;
export let subBlocks: i32 = 0;
export let subBlock: i32 = 0;
export let lowest: i32 = 0;
export let highest: i32 = 0;
export let reach: i32 = 0;
export let maximum: f64 = 0;
export let hasMinimum: bool = false;
export let anySign: bool = false;
export let scaleCount: i32 = 0;
export let isNear: bool = false;
export let scales: usize = 0;

/** Reads a spec; the search at hand works by it until the next is read. */
export function readSpec(at: usize): void {
  levelsLow = load<f64>(at);
  levelsHigh = load<f64>(at, 8);
  levelsAreIntegers = load<f64>(at, 16) != 0;
  startCount = <i32>load<f64>(at, 24);
  subBlocks = <i32>load<f64>(at, 32);
  subBlock = <i32>load<f64>(at, 40);
  lowest = <i32>load<f64>(at, 48);
  highest = <i32>load<f64>(at, 56);
  reach = <i32>load<f64>(at, 64);
  maximum = load<f64>(at, 72);
  hasMinimum = maximum > 0;
  anySign = load<f64>(at, 80) != 0;
  scaleCount = <i32>load<f64>(at, 88);
  isNear = load<f64>(at, 96) != 0;
  scales = at + (<usize>load<f64>(at, 104) << 3);
  starts = at + 16 * 8;
  levelsTable = at + 48 * 8;
}
