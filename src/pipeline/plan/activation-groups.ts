import type { BitPlan, Group } from '../../allocate/types.ts';
import type { PricedActivations } from '../../measure/activations.ts';
import type { SensitivityTable } from '../../quantize/sensitivity.ts';
import type { Resource } from '../resources/types.ts';

/** What stands between the format and the bits of an option: `Q4_K/a8`. */
const MARK = '/a';

/**
 * Options become pairs: the format of a matrix and the bits that its inputs are rounded to. Errors of weights and of
 * activations are independent, so their losses add. Matrices that nothing is multiplied with keep their options.
 * @param groups of matrices, in the order of the table
 */
export function pairActivations(
  groups: readonly Group[],
  table: SensitivityTable,
  prices: readonly PricedActivations[],
  resources: readonly Resource[],
): Group[] {
  const widths = new Map(prices.map((priced) => [priced.tensor, priced.prices]));
  return groups.map((group, i) => ({
    id: group.id,
    options: group.options.flatMap(
      (option) =>
        widths.get(group.id)?.map(({ bits, loss, lossError }) => ({
          id: pairId(option.id, bits),
          costs: Object.fromEntries(resources.map(({ name, cost }) => [name, cost(table.tensors[i], option.id, bits)])),
          loss: option.loss + loss,
          lossError: Math.hypot(option.lossError ?? 0, lossError),
        })) ?? [option],
    ),
  }));
}

function pairId(format: string, bits: number | undefined): string {
  return bits === undefined ? format : `${format}${MARK}${bits}`;
}

/** Options that a plan has chosen, by matrix. */
export function pairIds({ formats, activations }: BitPlan): (readonly [string, string])[] {
  return Object.entries(formats).map(([tensor, format]) => [tensor, pairId(format, activations?.[tensor])]);
}

/** An option of a matrix in its parts; without bits where activations are not asked for. */
export function splitPair(id: string): { readonly format: string; readonly bits?: number } {
  const at = id.indexOf(MARK);
  return at < 0 ? { format: id } : { format: id.slice(0, at), bits: Number(id.slice(at + MARK.length)) };
}

/** Predicted loss of rounding activations alone. @param bits by tensor name */
export function activationLoss(prices: readonly PricedActivations[], bits: Readonly<Record<string, number>>): number {
  const lossOf = ({ tensor, prices: each }: PricedActivations): number =>
    each.find((price) => price.bits === bits[tensor])?.loss ?? 0;
  return prices.reduce((sum, priced) => sum + lossOf(priced), 0);
}
