import type { RopePart } from './parts/attention.ts';
import { llama3Factors, yarnMagnitude } from './rope-factors.ts';
import type { RopeConfig } from './types.ts';

/**
 * Radians per position of every pair, and the factor that YaRN and LongRoPE put on cos and sin; of LongRoPE those of sequences
 * within the original context.
 * @returns frequencies [dimensions/2]
 */
export function ropeFrequencies(rope: RopeConfig): { frequencies: Float64Array; magnitude: number } {
  const pairs = rope.dimensions / 2;
  const frequencies = Float64Array.from({ length: pairs }, (_, i) => rope.theta ** (-i / pairs));
  const scaling = rope.scaling;
  let magnitude = 1;
  // A file's own factors replace the llama3 formula that they were computed from.
  const factors = rope.frequencyFactors ?? (scaling?.type === 'llama3' ? llama3Factors(rope) : undefined);
  if (factors) for (let i = 0; i < pairs; i++) frequencies[i] /= factors[i];
  if (scaling?.type === 'linear') for (let i = 0; i < pairs; i++) frequencies[i] /= scaling.factor;
  if (scaling?.type === 'yarn') {
    const ramp = yarnRamp(rope, scaling);
    for (let i = 0; i < pairs; i++) frequencies[i] *= ramp[i] + (1 - ramp[i]) / scaling.factor;
    magnitude = scaling.attentionFactor ?? yarnMagnitude(scaling.factor);
  }
  if (scaling?.type === 'longrope') {
    for (let i = 0; i < pairs; i++) frequencies[i] /= scaling.short[i];
    magnitude = scaling.attentionFactor;
  }
  return { frequencies, magnitude };
}

/** Share of the unscaled frequency per pair: 1 for short waves, 0 for long ones. @see YaRN (Peng et al. 2023), section 3.2 */
function yarnRamp(
  rope: RopeConfig,
  { betaFast, betaSlow, originalContext, unrounded }: Extract<RopeConfig['scaling'], { type: 'yarn' }>,
): Float64Array {
  const [below, above] = unrounded ? [Number, Number] : [Math.floor, Math.ceil];
  const dimensionOf = (rotations: number): number =>
    (rope.dimensions * Math.log(originalContext / (rotations * 2 * Math.PI))) / (2 * Math.log(rope.theta));
  const low = Math.max(0, below(dimensionOf(betaFast)));
  const high = Math.min(rope.dimensions - 1, above(dimensionOf(betaSlow)));
  return Float64Array.from({ length: rope.dimensions / 2 }, (_, i) => {
    const along = (i - low) / Math.max(0.001, high - low);
    return 1 - Math.min(1, Math.max(0, along));
  });
}

/** RoPE as a network's nodes have it. */
export function ropePart(rope: RopeConfig): RopePart {
  const { frequencies, magnitude } = ropeFrequencies(rope);
  const { dimensions, style, theta, scaling } = rope;
  const part = { dimensions, style, frequencies: Array.from(frequencies), magnitude };
  if (scaling?.type !== 'longrope') return part;
  const long = scaling.long.map((factor, i) => theta ** ((-2 * i) / dimensions) / factor);
  return { ...part, long: { beyond: scaling.originalContext, frequencies: long } };
}
