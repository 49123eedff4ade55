/**
 * Numbers as unevaluated sums of bfloat16 components, largest first, each at most half a unit in the last place of the one
 * before: 8 bits of precision a component, and additions whose rounding errors are kept instead of lost. Every operation
 * here is one that bfloat16 arithmetic has: rounded to nearest, ties to even.
 * @see Yu et al., "Collage: Light-Weight Low-Precision Strategy for LLM Training", ICML 2024; Shewchuk, "Adaptive
 * Precision Floating-Point Arithmetic and Fast Robust Geometric Predicates", 1997, section 2; Knuth, TAOCP 2, section 4.2.2
 */
const single = new Float32Array(1);
const singleBits = new Uint32Array(single.buffer);

/** Largest finite bfloat16. */
export const LARGEST_BF16 = 2 ** 127 * (2 - 2 ** -7);

/**
 * The bfloat16 nearest to a number, ties to even. Rounding to float32 first changes nothing for what is rounded here, sums
 * of two bfloat16: where 24 bits do not hold such a sum, the smaller one is far below half a unit of the larger.
 */
export function roundBF16(value: number): number {
  single[0] = value;
  if (!Number.isFinite(value)) return single[0];
  singleBits[0] = (singleBits[0] + 0x7fff + ((singleBits[0] >>> 16) & 1)) & 0xffff0000;
  return single[0];
}

/** @returns [sum, error]: a + b = sum + error exactly, both bfloat16, unless the sum overflows. Knuth's, 6 operations. */
export function twoSum(a: number, b: number): [number, number] {
  const sum = roundBF16(a + b);
  if (!Number.isFinite(sum)) return [sum, 0];
  const fromB = roundBF16(sum - a);
  const fromA = roundBF16(sum - fromB);
  return [sum, roundBF16(roundBF16(a - fromA) + roundBF16(b - fromB))];
}

/** `twoSum` where a is 0 or no smaller than b in magnitude. Dekker's, 3 operations: Collage's Fast2Sum. */
export function fastTwoSum(a: number, b: number): [number, number] {
  const sum = roundBF16(a + b);
  return Number.isFinite(sum) ? [sum, roundBF16(b - roundBF16(sum - a))] : [sum, 0];
}

/**
 * Splits a float32: each component is the nearest bfloat16 to what those before leave. Three hold every float32 down to
 * 2^−117, two the nearest value of 16 bits. Where one bfloat16 overflows the rest goes on, up to 2^128·(1 − 2^(−8n)).
 */
export function expansionOf(value: number, components: number): number[] {
  let rest = value;
  return Array.from({ length: components }, (_, k) => {
    const most = LARGEST_BF16 * 2 ** (-8 * k);
    const part = Number.isFinite(rest) ? Math.min(Math.max(roundBF16(rest), -most), most) : roundBF16(rest);
    rest = Number.isFinite(rest) ? rest - part : 0;
    return part;
  });
}

/** The number that components stand for, as a double. */
export function expansionValue(parts: readonly number[]): number {
  return parts.reduceRight((sum, part) => sum + part, 0);
}

/**
 * Adds a scalar: Collage's Grow, for any number of components. Exact where the sum spans at most 8 bits a component.
 * @param components of the result, default as many as there are
 */
export function grow(parts: readonly number[], scalar: number, components = parts.length): number[] {
  return normalize(growExactly(parts, scalar), components);
}

/** Adds two expansions. Exact where the sum spans at most 8 bits a component. */
export function addExpansions(a: readonly number[], b: readonly number[], components = a.length): number[] {
  return normalize(b.reduceRight(growExactly, a), components);
}

/** One component more, nothing lost. @see Shewchuk, figure 6 (Grow-Expansion) */
function growExactly(parts: readonly number[], scalar: number): number[] {
  const grown: number[] = [];
  let carried = scalar;
  for (const part of parts.toReversed()) {
    const [sum, error] = twoSum(carried, part);
    grown.push(error);
    carried = sum;
  }
  return [carried, ...grown.reverse()];
}

/**
 * Components that no longer change when neighbours are added, zeros dropped, the first `components` of them. What is cut off
 * is below half a unit in the last place of the last.
 */
export function normalize(parts: readonly number[], components: number): number[] {
  let all = parts.filter((part) => part !== 0);
  for (let isDone = false; !isDone; ) {
    const before = all;
    const swept: number[] = [];
    let carried = 0;
    for (const part of all.toReversed()) {
      const [sum, error] = twoSum(carried, part);
      if (error !== 0) swept.push(error);
      carried = sum;
    }
    all = carried === 0 ? swept.reverse() : [carried, ...swept.reverse()];
    isDone = !Number.isFinite(carried) || (all.length === before.length && all.every((part, i) => part === before[i]));
  }
  return Array.from({ length: components }, (_, i) => all[i] ?? 0);
}
