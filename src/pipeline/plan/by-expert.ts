import { solve } from '../../allocate/solve.ts';
import type { BitPlan, Group } from '../../allocate/types.ts';
import { BitbudgetError, UsageError } from '../../core/errors.ts';
import { expertName } from '../../measure/experts.ts';
import type { PricedTensor } from '../../quantize/sensitivity.ts';
import { bytes, storedBytes } from '../resources/bytes.ts';
import type { Setting } from '../resources/types.ts';
import { type Corrections, NO_CORRECTION } from './corrections.ts';
import { calibrated } from './groups.ts';
import { klInterval } from './interval.ts';

/** A matrix that is given a format: a tensor by itself, or one of several stacked. */
interface Part {
  readonly tensor: PricedTensor;
  /** Of stacked matrices which. */
  readonly expert?: number;
  readonly group: Group;
}

/**
 * The best plan of so many bytes in which every expert has a format of its own: what a container that stores experts
 * apart could hold. GGUF stores one type for all experts of a matrix, so such plans can be evaluated and not written.
 * @param fileBytes what GGUF would take with formats of these sizes
 * @throws UsageError for a model without experts; BitbudgetError where no plan is that small
 */
export async function planByExpert(
  setting: Pick<Setting, 'model' | 'table' | 'notes'>,
  fileBytes: number,
  corrections: Corrections = NO_CORRECTION,
): Promise<BitPlan> {
  const { table } = setting;
  if (table.tensors.every(({ experts }) => experts === undefined))
    throw new UsageError('a plan by expert: the model has no stacked experts; plan by tensor');
  const { fixed } = bytes(setting);
  const parts = table.tensors.flatMap((tensor) => partsOf(tensor, table.scale.value, corrections));
  const groups = parts.map(({ group }) => group);
  const solution = await solve({ groups, budgets: { bytes: fileBytes - fixed } }, {});
  if (solution.choice.length === 0) throw new BitbudgetError(`budget: ${solution.reason}`, { code: 'budget' });
  const chosen = parts.map(({ group }, i) => group.options[solution.choice[i]]);
  const sites: Record<string, string> = {};
  const experts: Record<string, string[]> = {};
  for (const [i, { tensor, expert }] of parts.entries()) {
    if (expert === undefined) sites[tensor.tensor] = chosen[i].id;
    else experts[tensor.tensor] = [...(experts[tensor.tensor] ?? []), chosen[i].id];
  }
  const kl = chosen.reduce((sum, { loss }) => sum + loss, 0);
  const independent = Math.hypot(...chosen.map(({ lossError = 0 }) => lossError));
  const klError = Math.hypot(independent, kl * corrections.spread);
  return {
    ...{ version: 2, model: table.model, rounding: table.rounding, sites, experts, budgets: { bytes: fileBytes } },
    prediction: {
      fileBytes: chosen.reduce((sum, { costs }) => sum + costs['bytes'], fixed),
      ...{ kl, klError, klInterval: klInterval(kl, klError), corrected: corrections.learned },
      ...{ status: solution.status, bound: solution.bound, gap: solution.gap },
    },
  };
}

/** What is chosen of one tensor: a group, or one for every expert. */
function partsOf(tensor: PricedTensor, scale: number, corrections: Corrections): Part[] {
  const { experts, rows, columns } = tensor;
  const group = (id: string, prices: PricedTensor['prices'], ownRows: number): Group => ({
    id,
    options: calibrated(tensor, prices, scale, corrections).map(({ option, loss, lossError }) => ({
      ...{ id: option, loss, lossError },
      costs: { bytes: storedBytes(option, ownRows, columns) },
    })),
  });
  if (experts === undefined) return [{ tensor, group: group(tensor.tensor, tensor.prices, rows) }];
  return experts.map((prices, expert) => ({
    ...{ tensor, expert },
    group: group(expertName(tensor.tensor, expert), prices, rows / experts.length),
  }));
}
