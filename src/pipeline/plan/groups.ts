import type { Group } from '../../allocate/types.ts';
import type { SensitivityTable } from '../../quantize/sensitivity.ts';
import type { Resource } from '../resources/types.ts';
import { type Corrections, correctionFactor, NO_CORRECTION } from './corrections.ts';

/** The allocator's view of a table: groups with their calibrated losses and what options cost of the resources. */
export function groupsOf(
  table: SensitivityTable,
  resources: readonly Resource[] = [],
  corrections: Corrections = NO_CORRECTION,
): Group[] {
  return table.tensors.map((tensor) => {
    const { kind, relativeError, prices } = tensor;
    return {
      id: tensor.tensor,
      options: prices.map((price) => {
        const factor = table.scale.value * correctionFactor(corrections, kind, price.format);
        return {
          id: price.format,
          costs: Object.fromEntries(resources.map(({ name, cost }) => [name, cost(tensor, price.format)])),
          loss: factor * price.loss,
          lossError: factor * Math.hypot(price.loss * relativeError, price.samplingError),
        };
      }),
    };
  });
}
