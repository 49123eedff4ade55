import { CodeSums, correlate } from './correlate.ts';
import { searchScale } from './scale.ts';
import type { FoundScales, NearScale, PowerScale } from './types.ts';

/** Searches of scales that are codes of a short table: the few that lie near the wanted one are tried exactly. */

const sums = new CodeSums();

/** First code whose scale is at least `wanted`; the last one where there is none. */
function firstReaching(scales: Float64Array, wanted: number): number {
  let low = 0;
  let high = scales.length - 1;
  while (low < high) {
    const middle = (low + high) >> 1;
    if (scales[middle] < wanted) low = middle + 1;
    else high = middle;
  }
  return low;
}

/** Searches the scales of block i: from the power of two that reaches the largest |x| down. */
export function findPowerScales(
  spec: PowerScale,
  x: Float64Array,
  w: Float64Array,
  found: FoundScales,
  i: number,
): void {
  const { scales, search, subBlocks, subBlock, highest, reach } = spec;
  for (let j = 0; j < subBlocks; j++) {
    const from = j * subBlock;
    let largest = 0;
    for (let k = from; k < from + subBlock; k++) largest = Math.max(largest, Math.abs(x[k]));
    let best = 0;
    let least = Infinity;
    const reaching = firstReaching(scales, largest / search.levels.high);
    for (let code = reaching; largest > 0 && code >= Math.max(reaching - reach, 0); code--) {
      const stored = Math.min(code, highest);
      correlate(search.levels, x, w, from, subBlock, scales[stored], 0, sums);
      const error = sums.error(scales[stored], 0);
      if (!(error < least)) continue;
      least = error;
      best = stored;
    }
    found.a[i * subBlocks + j] = best;
  }
}

/** Searches the scales of block i: the codes on both sides of the one that is best before it is rounded. */
export function findNearScales(spec: NearScale, x: Float64Array, w: Float64Array, found: FoundScales, i: number): void {
  const { scales, search, subBlocks, subBlock, reach } = spec;
  for (let j = 0; j < subBlocks; j++) {
    const from = j * subBlock;
    const middle = firstReaching(scales, Math.abs(searchScale(search, x, w, from, subBlock, sums)));
    let best = 0;
    let least = 0; // relative to Σ w x², the error of the scale 0
    for (let code = Math.max(1, middle - reach); code <= Math.min(middle + reach, scales.length - 1); code++) {
      correlate(search.levels, x, w, from, subBlock, scales[code], 0, sums);
      const error = sums.error(scales[code], 0);
      if (error >= least) continue;
      least = error;
      best = code;
    }
    found.a[i * subBlocks + j] = best;
  }
}
