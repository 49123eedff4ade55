import { POINT_SIZE, type SignedPatterns } from '../patterns.ts';
import { nearestWord, readWord, type VectorStage } from '../search/sets/vectors.ts';

/** A value and what it should be differ by less, relatively to the largest point: float32 has rounded both. */
const SAME = 1e-6;
/** Last places by which the fitted scale may be off. */
const PLACES = [0, -1, 1, -2, 2];

type Stages = readonly [SignedPatterns, VectorStage];

const ones = new Float32Array(POINT_SIZE).fill(1);
const target = new Float32Array(POINT_SIZE);
const rest = new Float32Array(POINT_SIZE);
const first = new Float32Array(POINT_SIZE);
const second = new Float32Array(POINT_SIZE);
const single = new Float32Array(1);
const bits = new Uint32Array(single.buffer);

/**
 * A row of values that are sums of two stages' points under one scale; of one stage the search itself finds them. The
 * search goes from stage to stage and so may miss what a row was made of, but it hardly misses all groups: one that it
 * found gives the scale, and under that the few points of the first stage that lie near enough to a group are tried.
 * @param values the row
 * @param codes what the search found, replaced where the row is exact. [stages][groups]
 * @returns the scale, or 0 where the row is not exact
 */
export function exactStages(all: readonly VectorStage[], values: Float32Array, codes: readonly Uint16Array[]): number {
  const [one, other] = all;
  if (all.length !== 2 || one.kind !== 'patterns') return 0;
  const stages: Stages = [one, other];
  const scale = scaleOfSome(stages, values, codes);
  if (scale === 0) return 0;
  const found = codes.map((ofStage) => ofStage.slice());
  const reach = reachOf(other);
  for (let g = 0; g * POINT_SIZE < values.length; g++) {
    for (let i = 0; i < POINT_SIZE; i++) target[i] = values[g * POINT_SIZE + i] / scale;
    if (isSum(stages, found[0][g], found[1][g])) continue;
    const pair = pairOf(stages, reach);
    if (pair === undefined) return 0;
    [found[0][g], found[1][g]] = pair;
  }
  const exact = sharpened(stages, values, found, scale);
  if (exact > 0) for (const [s, ofStage] of codes.entries()) ofStage.set(found[s]);
  return exact;
}

/** The scale of a group that the search has found exactly, 0 where there is none. */
function scaleOfSome(stages: Stages, values: Float32Array, codes: readonly Uint16Array[]): number {
  for (let g = 0; g < codes[0].length; g++) {
    addUp(stages, codes[0][g], codes[1][g]);
    let [xx, xq, qq] = [0, 0, 0];
    for (let i = 0; i < POINT_SIZE; i++) {
      const [x, q] = [values[g * POINT_SIZE + i], first[i]];
      xx += x * x;
      xq += x * q;
      qq += q * q;
    }
    if (xq > 0 && xx * qq - xq * xq <= SAME * SAME * xx * qq) return xq / qq;
  }
  return 0;
}

/** Leaves the sum of two points in `first`. */
function addUp([one, other]: Stages, code: number, next: number): void {
  readWord(one, code, first);
  readWord(other, next, second);
  for (let i = 0; i < POINT_SIZE; i++) first[i] += second[i];
}

function isSum(stages: Stages, code: number, next: number): boolean {
  addUp(stages, code, next);
  const bound = 8 * SAME;
  return first.every((value, i) => Math.abs(value - target[i]) <= bound);
}

/** Length of the second stage's longest point. */
function reachOf(stage: VectorStage): number {
  const lengths = stage.kind === 'words' ? lengthsOf(stage.words) : patternLengths(stage);
  return Math.max(...lengths) * (1 + 1e-3);
}

function lengthsOf(points: Float32Array): number[] {
  return Array.from({ length: points.length / POINT_SIZE }, (_, k) =>
    Math.hypot(...points.subarray(k * POINT_SIZE, (k + 1) * POINT_SIZE)),
  );
}

function patternLengths({ magnitudes, shifts }: SignedPatterns): number[] {
  return lengthsOf(magnitudes.map((magnitude, i) => magnitude + Math.abs(shifts[Math.floor(i / POINT_SIZE)])));
}

/** Codes of the two points whose sum the target is. */
function pairOf(stages: Stages, reach: number): [number, number] | undefined {
  const [{ magnitudes, shifts, isOdd }, next] = stages;
  for (const side of [0, 1]) {
    for (let p = 0; p < shifts.length; p++) {
      const shift = side === 0 ? shifts[p] : -shifts[p];
      const visit = (i: number, signs: number, isNegativeOdd: number, left: number): [number, number] | undefined => {
        if (left < 0) return undefined;
        if (i === POINT_SIZE) {
          if (isNegativeOdd !== isOdd[p]) return undefined;
          const code = p | ((signs & 127) << 8) | (side << 15);
          readWord(stages[0], code, first);
          for (let k = 0; k < POINT_SIZE; k++) rest[k] = target[k] - first[k];
          const other = nearestWord(next, rest, 0, ones);
          return isSum(stages, code, other) ? [code, other] : undefined;
        }
        const value = target[i] - shift;
        const magnitude = magnitudes[p * POINT_SIZE + i];
        return (
          visit(i + 1, signs, isNegativeOdd, left - (value - magnitude) ** 2) ??
          visit(i + 1, signs | (1 << i), isNegativeOdd ^ 1, left - (value + magnitude) ** 2)
        );
      };
      const pair = visit(0, 0, 0, reach ** 2);
      if (pair !== undefined) return pair;
    }
  }
  return undefined;
}

/** The float32 scale under which all values come out bit for bit, 0 where there is none. */
function sharpened(stages: Stages, values: Float32Array, codes: readonly Uint16Array[], scale: number): number {
  const sums = new Float32Array(values.length);
  let xq = 0;
  let qq = 0;
  for (let g = 0; g < codes[0].length; g++) {
    addUp(stages, codes[0][g], codes[1][g]);
    sums.set(first, g * POINT_SIZE);
    for (let i = 0; i < POINT_SIZE; i++) {
      xq += values[g * POINT_SIZE + i] * first[i];
      qq += first[i] * first[i];
    }
  }
  single[0] = qq > 0 ? xq / qq : scale;
  const middle = bits[0];
  for (const place of PLACES) {
    bits[0] = middle + place;
    if (sums.every((sum, i) => Math.fround(single[0] * sum) === values[i])) return single[0];
  }
  return 0;
}
