import type { RopeConfig } from './types.ts';

/**
 * Divisors of the frequencies as Llama 3.1 stretches its context: long waves by `factor`, short ones not, smooth
 * between. All ones for other kinds of scaling.
 * @returns [dimensions/2], what GGUF keeps as `rope_freqs.weight`
 * @see Llama 3.1 reference code, `apply_scaling`
 */
export function llama3Factors(rope: RopeConfig): Float32Array {
  const scaling = rope.scaling;
  const pairs = rope.dimensions / 2;
  if (scaling?.type !== 'llama3') return new Float32Array(pairs).fill(1);
  const { factor, lowFrequencyFactor: low, highFrequencyFactor: high, originalContext } = scaling;
  return Float32Array.from({ length: pairs }, (_, i) => {
    const wavelength = 2 * Math.PI * rope.theta ** (i / pairs);
    if (wavelength < originalContext / high) return 1;
    if (wavelength > originalContext / low) return factor;
    const smooth = (originalContext / wavelength - low) / (high - low);
    return 1 / ((1 - smooth) / factor + smooth);
  });
}

/** What YaRN multiplies cos and sin by unless told otherwise. @see YaRN (Peng et al. 2023), section 3.4 */
export function yarnMagnitude(factor: number): number {
  return 1 + 0.1 * Math.log(factor);
}

/**
 * What LongRoPE multiplies cos and sin by unless told otherwise.
 * @param factor by which the context was stretched
 * @see Ding et al., "LongRoPE" (2024); transformers, modeling_rope_utils.py
 */
export function longRopeMagnitude(factor: number, originalContext: number): number {
  return factor <= 1 ? 1 : Math.sqrt(1 + Math.log(factor) / Math.log(originalContext));
}

/** What YaRN with a multiplier on its logarithm puts on cos and sin: its own share over that of attention's scale. */
export function yarnRatio(factor: number, magnitude: number, allDimensions: number): number {
  const of = (multiplier: number): number => 1 + 0.1 * multiplier * Math.log(factor);
  return of(magnitude) / of(allDimensions);
}
