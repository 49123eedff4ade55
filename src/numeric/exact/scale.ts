import type { Levels } from '../search/grid/correlate.ts';
import type { BlockScale, FoundScales, NearScale, SuperScale } from '../search/grid/types.ts';
import { commonStep, largestMagnitude, someHalf } from './divisor.ts';
import { Ratios } from './ratios.ts';

/** Largest common divisors of the sub-blocks of the block at hand; 0 = all zeros. [sub-blocks] */
const steps = new Float64Array(16);
const integers = new Int32Array(16);

/**
 * Replaces what a search found in blocks whose values all are d·integer·level, such as those that were decoded from the same
 * format: they are stored without loss.
 */
export function recoverScales(spec: BlockScale | SuperScale, values: Float32Array, found: FoundScales): void {
  const { subBlocks, subBlock, search } = spec;
  const size = subBlocks * subBlock;
  const [lowest, highest] = integersOf(spec);
  const { low, high, table } = search.levels;
  const most = Math.max(highest, -lowest) * Math.max(high, -low);
  const ratios = Ratios.of(search, () => table.map(Math.abs));
  for (let i = 0; i * size < values.length; i++) {
    const from = i * size;
    if (!ratios.mayStart(values, from)) continue;
    const step = commonStep(values, from, size, most);
    if (step === 0) continue;
    for (let j = 0; j < subBlocks; j++) steps[j] = commonStep(values, from + j * subBlock, subBlock, most);
    const tries = (most * step) / largestMagnitude(values, from, size);
    someHalf(step, tries, (half) =>
      [half, -half].some((d) => {
        if (!fits(spec, values, from, d)) return false;
        found.d[i] = d;
        found.a.set(integers.subarray(0, subBlocks), i * subBlocks);
        return true;
      }),
    );
  }
}

/** Smallest and largest integer of a sub-block. */
function integersOf(spec: BlockScale | SuperScale): readonly [number, number] {
  return spec.kind === 'scale' ? [1, 1] : [spec.lowest, spec.highest];
}

/** Whether every sub-block of the block at `from` is exact under d with some integer → `integers`. */
function fits(spec: BlockScale | SuperScale, values: Float32Array, from: number, d: number): boolean {
  for (let j = 0; j < spec.subBlocks; j++) {
    integers[j] = steps[j] === 0 ? 0 : exactInteger(spec, values, from + j * spec.subBlock, d, steps[j] / Math.abs(d));
    if (integers[j] === 0 && steps[j] > 0) return false;
  }
  return true;
}

/** @param multiple of |d| that divides all values @returns 0 where no integer is exact */
function exactInteger(
  spec: BlockScale | SuperScale,
  values: Float32Array,
  from: number,
  d: number,
  multiple: number,
): number {
  const [lowest, highest] = integersOf(spec);
  for (let magnitude = Math.min(multiple, Math.max(highest, -lowest)); magnitude > 0; magnitude--) {
    if (multiple % magnitude !== 0) continue;
    for (const integer of [magnitude, -magnitude]) {
      if (integer < lowest || integer > highest) continue;
      if (areLevels(spec.search.levels, values, from, spec.subBlock, d * integer)) return integer;
    }
  }
  return 0;
}

/** Whether values are scale·level, given that they are multiples of the scale. */
function areLevels(
  { low, high, table, perUnit, middle }: Levels,
  values: Float32Array,
  from: number,
  n: number,
  scale: number,
): boolean {
  for (let i = from; i < from + n; i++) {
    const level = values[i] / scale;
    if (level < low || level > high || table[(level * perUnit + middle) | 0] !== level) return false;
  }
  return true;
}

/** The same for sub-blocks whose scales stand in a table. */
export function recoverNearScales(spec: NearScale, values: Float32Array, found: FoundScales): void {
  const { subBlock, search } = spec;
  const { low, high, table } = search.levels;
  const most = Math.max(high, -low);
  const ratios = Ratios.of(search, () => table.map(Math.abs));
  for (let j = 0, from = 0; from < values.length; j++, from += subBlock) {
    if (!ratios.mayStart(values, from)) continue;
    const step = commonStep(values, from, subBlock, most);
    for (let k = 1; step > 0 && k <= most; k++) {
      const code = spec.scales.indexOf(step / k);
      if (code < 0 || spec.scales[code] * k !== step) continue;
      if (!areLevels(search.levels, values, from, subBlock, spec.scales[code])) continue;
      found.a[j] = code;
      break;
    }
  }
}
