import { TABLE_SIZE } from '../../levels.ts';

/** See `EncodeBackend.nearestCodes`. */
export function nearestCodes(
  nearest: Uint8Array,
  subBlock: number,
  values: Float32Array,
  scale: Float32Array,
  offset: Float32Array,
  codes: Uint8Array,
): void {
  const last = TABLE_SIZE - 1;
  for (let j = 0, start = 0; start < values.length; j++, start += subBlock) {
    const halfSteps = scale[j] === 0 ? 0 : 2 / scale[j];
    const zero = TABLE_SIZE / 2 - offset[j] * halfSteps;
    for (let i = start; i < start + subBlock; i++) {
      const value = values[i];
      const entry = value * halfSteps + zero;
      // NaN, also from Inf·0, fails every comparison
      if (entry >= 0) codes[i] = nearest[entry < last ? entry | 0 : last];
      else codes[i] = entry < 0 ? nearest[0] : nearest[Math.min(Math.max(zero, 0), last) | 0];
    }
  }
}
