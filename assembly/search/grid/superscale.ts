/** Search for d and the integers of sub-blocks' scales: src/numeric/search/grid/superscale.ts. */
import { chooseIntegers } from './integers';
import { roundScale } from '../round';
import { searchScale } from './scale';
import { blockW, blockX, error, get, ideal, set, subQQ, subXQ, trialMinimum, trialQQ, trialScale, trialXQ } from '../scratch';
import { highest, lowest, reach, subBlock, subBlocks } from './spec';
import { correlate } from './trials';

const MODEL_ROUNDS: i32 = 2;
const D_STARTS: i32 = 6;
const D_STEP: f64 = 0.03;

/** Searches the block at hand; returns d. @param integers [subBlocks] int32 out */
export function searchSuperScale(integers: usize): f64 {
  let outermost: f64 = 0;
  for (let j = 0; j < subBlocks; j++) {
    const scale = searchScale(j);
    set(ideal(j), scale);
    if (abs(scale) > abs(outermost)) outermost = scale;
  }
  memory.fill(integers, 0, <usize>subBlocks * 4);
  if (outermost == 0) return 0;
  let d: f64 = 0, least: f64 = Infinity;
  for (let k = 0; k < 2 * D_STARTS; k++) {
    const end = <f64>(k < D_STARTS ? lowest : highest);
    const start = roundScale((outermost / end) * (1 + <f64>((k % D_STARTS) - 1) * D_STEP));
    const loss = chooseIntegers(start, integers);
    if (loss >= least) continue;
    least = loss;
    d = start;
  }
  for (let i = 0; i < MODEL_ROUNDS; i++) {
    chooseIntegers(d, integers);
    const fitted = leastSquares(integers);
    d = roundScale(fitted == 0 || fitted != fitted ? d : fitted);
  }
  chooseIntegers(d, integers);
  for (let j = 0; j < subBlocks; j++) {
    const integer = integers + (<usize>j << 2);
    store<i32>(integer, exactInteger(j, d, load<i32>(integer)));
  }
  return d;
}

/** The d that is best for the present integers and codes. */
function leastSquares(integers: usize): f64 {
  let numerator: f64 = 0, denominator: f64 = 0;
  for (let j = 0; j < subBlocks; j++) {
    const integer = <f64>load<i32>(integers + (<usize>j << 2));
    numerator += integer * get(subXQ(j));
    denominator += integer * integer * get(subQQ(j));
  }
  return denominator > 0 ? numerator / denominator : 0;
}

/** The integer of sub-block j with the least exact error, at most `reach` from `middle`. */
function exactInteger(j: i32, d: f64, middle: i32): i32 {
  if (reach == 0) return middle;
  const first = max(middle - reach, lowest), last = min(middle + reach, highest);
  for (let integer = first; integer <= last; integer++) {
    set(trialScale(integer - first), d * <f64>integer);
    set(trialMinimum(integer - first), 0);
  }
  correlate(blockX(j * subBlock), blockW(j * subBlock), subBlock, 0, last - first + 1);
  let best = 0;
  let least: f64 = 0; // relative to Σ w x², the error of the integer 0
  for (let integer = first; integer <= last; integer++) {
    if (integer == 0) continue;
    const k = integer - first;
    const loss = error(d * <f64>integer, 0, 0, 0, 0, get(trialQQ(k)), get(trialXQ(k)));
    if (loss >= least) continue;
    least = loss;
    best = integer;
  }
  return best;
}
