import { UsageError } from '../core/errors.ts';
import type { Group, Interval } from './types.ts';

/** Standard errors to either side that hold 95 % of a normal distribution. */
const NORMAL_95 = 1.959964;

export interface PlanIntervalOptions {
  /**
   * Relative standard error of a factor that all losses share, such as a fitted constant. Default 0. Unlike the
   * options' own errors it does not average out over groups.
   */
  sharedRelativeError?: number;
}

/**
 * Predicted loss of a plan with its uncertainty: the sum of the chosen options' losses, their errors independent
 * between groups.
 *
 * @param choice option index per group
 * @throws UsageError when `choice` does not fit the groups
 */
export function planInterval(
  groups: readonly Group[],
  choice: readonly number[],
  options: PlanIntervalOptions = {},
): Interval {
  if (choice.length !== groups.length)
    throw new UsageError(`plan has ${choice.length} choices, expected ${groups.length}, one per group`);
  let mean = 0;
  let variance = 0;
  for (let g = 0; g < groups.length; g++) {
    const option = groups[g].options[choice[g]];
    if (option === undefined)
      throw new UsageError(
        `plan chooses option ${choice[g]} of group ${groups[g].id}, which has ${groups[g].options.length}`,
      );
    mean += option.loss;
    variance += (option.lossError ?? 0) ** 2;
  }
  const standardError = Math.sqrt(variance + (mean * (options.sharedRelativeError ?? 0)) ** 2);
  return {
    mean,
    standardError,
    low: Math.max(0, mean - NORMAL_95 * standardError),
    high: mean + NORMAL_95 * standardError,
  };
}
