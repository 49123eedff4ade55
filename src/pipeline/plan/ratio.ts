import type { BitPlan } from '../../allocate/types.ts';
import type { Model } from '../../model/types.ts';
import { bitsPerWeight, format } from '../../numeric/table.ts';
import { plannedFormat } from '../../quantize/encode.ts';
import { matrices } from '../../quantize/sensitivity.ts';
import { weightCount } from './wishes.ts';

/** Bits per weight below which a format counts as low precision: those of the 4-bit types, scales included, and fewer. */
export const LOW_PRECISION = 5;

/**
 * Share of a model's weights that a plan stores in low precision.
 * @see Cao et al., "Scaling laws for mixed quantization", 2024: the quantization ratio Q_r
 */
export function quantizationRatio(model: Model, plan: BitPlan): number {
  const low = matrices(model).filter((tensor) => bitsPerWeight(format(plannedFormat(plan, tensor))) < LOW_PRECISION);
  return low.reduce((sum, { shape }) => sum + shape[0] * shape[1], 0) / weightCount(model);
}
