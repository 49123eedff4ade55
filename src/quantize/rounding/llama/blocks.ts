import { f16ToNumber, numberToF16, writeF16 } from '../../../core/float16.ts';
import { writeScales } from '../../../numeric/formats/k_scales.ts';
import { affineScale, NOTHING, sharedScale, signedScale } from './scales.ts';

/**
 * Blocks of one row x as llama-quantize makes them: scales into `blocks`, codes (from 0) into `codes`. Importance is the mean square of
 * every column's inputs; undefined where it is not known.
 */
export type BlockMaker = (
  x: Float32Array,
  importance: Float32Array | undefined,
  codes: Uint8Array,
  blocks: Uint8Array,
) => void;

const SUPER = 256;

/** d = |x|max / 127. */
const q8_0: BlockMaker = (x, _, codes, blocks) => {
  for (let i = 0, at = 0; i < x.length; i += 32, at += 34) {
    let most = 0;
    for (let j = i; j < i + 32; j++) most = Math.max(most, Math.abs(x[j]));
    const d = most / 127;
    writeF16(blocks, at, d);
    for (let j = i; j < i + 32; j++) codes[j] = 127 + (d > 0 ? Math.round(x[j] / d) : 0);
  }
};

/** One scale; importance times √(σ² + x²) weighs errors, σ² the row's mean square. */
const q5_0: BlockMaker = (x, importance, codes, blocks) => {
  const variance = meanSquare(x, 0, x.length);
  const weights = importance?.map((value, j) => value * Math.sqrt(variance + x[j] * x[j]));
  for (let i = 0, at = 0; i < x.length; i += 32, at += 22) {
    const d = weights === undefined ? -extreme(x, i, 32) / 16 : signedScale(x, i, 32, 16, weights);
    writeF16(blocks, at, d);
    for (let j = i; j < i + 32; j++) codes[j] = 16 + (d === 0 ? 0 : clamp(Math.round(x[j] / d), -16, 15));
  }
};

/** Affine sub-blocks of 32 under two scales with integers of six bits. */
const q4_K: BlockMaker = (x, importance, codes, blocks) => {
  const scales = new Float64Array(8);
  const minimums = new Float64Array(8);
  const weighed = new Float64Array(8);
  const weights = new Float32Array(32);
  const [a, b] = [new Int32Array(8), new Int32Array(8)];
  const ladder = importance ? { first: -0.9, step: 0.05, steps: 36 } : { first: -1, step: 0.1, steps: 20 };
  for (let i = 0, at = 0; i < x.length; i += SUPER, at += 144) {
    const variance = 2 * meanSquare(x, i, SUPER);
    for (let j = 0; j < 8; j++) {
      const from = i + 32 * j;
      const spread = importance ? 0 : Math.sqrt(meanSquare(x, from, 32));
      for (let l = 0; l < 32; l++) {
        const value = x[from + l];
        weights[l] = importance ? importance[from + l] * Math.sqrt(variance + value * value) : spread + Math.abs(value);
      }
      weighed[j] = weights.reduce((sum, weight) => sum + weight, 0);
      [scales[j], minimums[j]] = affineScale(x, from, 15, weights, ladder);
    }
    const d = importance ? sharedScale(scales, 63, weighed, a) : largestShared(scales, 63, a);
    const dmin = importance ? sharedScale(minimums, 63, weighed, b) : largestShared(minimums, 63, b);
    writeScales(blocks, at, { d, dmin, a, b });
    for (let j = 0; j < 8; j++) {
      const scale = stored(d) * a[j];
      const minimum = stored(dmin) * b[j];
      for (let l = i + 32 * j; l < i + 32 * (j + 1); l++)
        codes[l] = scale === 0 ? 0 : clamp(Math.round((x[l] + minimum) / scale), 0, 15);
    }
  }
};

/** Signed sub-blocks of 16 under one scale with integers of eight bits. */
const q6_K: BlockMaker = (x, importance, codes, blocks) => {
  const scales = new Float64Array(16);
  for (let i = 0, at = 0; i < x.length; i += SUPER, at += 210) {
    for (let j = 0; j < 16; j++) scales[j] = signedScale(x, i + 16 * j, 16, 32, importance);
    const most = scales.reduce((max, scale) => (Math.abs(scale) > Math.abs(max) ? scale : max), 0);
    const isNothing = Math.abs(most) < NOTHING;
    const d = isNothing ? 0 : most / -128;
    writeF16(blocks, at + 208, d);
    for (let j = 0; j < 16; j++) {
      const integer = isNothing ? 0 : Math.min(127, Math.round(scales[j] / d));
      blocks[at + 192 + j] = integer;
      const scale = stored(d) * integer;
      for (let l = i + 16 * j; l < i + 16 * (j + 1); l++)
        codes[l] = 32 + (scale === 0 ? 0 : clamp(Math.round(x[l] / scale), -32, 31));
    }
  }
};

/** By format: those that llama-quantize's Q4_K_M and Q8_0 are made of. */
export const blockMakers: Readonly<Record<string, BlockMaker>> = { Q8_0: q8_0, Q5_0: q5_0, Q4_K: q4_K, Q6_K: q6_K };

/** Integers under the scale that brings the largest value to n. */
function largestShared(x: Float64Array, n: number, out: Int32Array): number {
  const max = Math.max(0, ...x);
  for (const [i, value] of x.entries()) out[i] = max > 0 ? Math.min(n, Math.round((n * value) / max)) : 0;
  return max / n;
}

function meanSquare(x: Float32Array, from: number, count: number): number {
  let sum = 0;
  for (let i = from; i < from + count; i++) sum += x[i] * x[i];
  return sum / count;
}

/** The value of largest magnitude. */
function extreme(x: Float32Array, from: number, count: number): number {
  let found = 0;
  for (let i = from; i < from + count; i++) if (Math.abs(x[i]) > Math.abs(found)) found = x[i];
  return found;
}

function clamp(value: number, least: number, most: number): number {
  return Math.max(least, Math.min(most, value));
}

/** A scale as binary16 keeps it. */
function stored(scale: number): number {
  return f16ToNumber(numberToF16(scale));
}
