import type { Group, Option } from '../../allocate/types.ts';
import type { OptionPrice, PricedSite } from '../../measure/site-prices.ts';
import type { Site } from '../../model/sites.ts';
import type { PricedTensor, SensitivityTable } from '../../quantize/sensitivity.ts';
import type { Choice, Resource } from '../resources/types.ts';
import { type Corrections, correctionFactor, NO_CORRECTION } from './corrections.ts';

/** Prices of weights in nats: calibrated, and corrected by what true evaluations taught. */
export function pricedWeights(table: SensitivityTable, corrections: Corrections = NO_CORRECTION): PricedSite[] {
  return table.tensors.map((tensor) => ({
    site: tensor.tensor,
    prices: calibrated(tensor, tensor.prices, table.scale.value, corrections),
  }));
}

/** Prices of a tensor, or of one matrix that is stacked in it, in nats. @param scale of the table */
export function calibrated(
  { kind, relativeError }: Pick<PricedTensor, 'kind' | 'relativeError'>,
  prices: PricedTensor['prices'],
  scale: number,
  corrections: Corrections,
): OptionPrice[] {
  return prices.map(({ format, loss, samplingError }) => {
    const factor = scale * correctionFactor(corrections, kind, format);
    return {
      option: format,
      loss: factor * loss,
      lossError: factor * Math.hypot(loss * relativeError, samplingError),
    };
  });
}

/** Sites that one choice decides, and the choice as the allocator sees it. */
export interface SiteGroup {
  readonly sites: readonly Site[];
  readonly group: Group;
}

/** What stands between options that are chosen together: `Q4_K/a8`. */
const MARK = '/';

/** The options of the sites of a group, in their order, out of an id. */
export function optionsOf(id: string): string[] {
  return id.split(MARK);
}

/** The id of options of the sites of a group. */
export function optionId(options: readonly string[]): string {
  return options.join(MARK);
}

/**
 * The allocator's view of priced sites, in their order. A weight and its inputs are decided together, because their bits
 * multiply in bit operations. Errors of sites are independent, so losses add.
 * @param sites all of the model
 */
export function siteGroups(
  sites: readonly Site[],
  priced: readonly PricedSite[],
  resources: readonly Resource[],
): SiteGroup[] {
  const byId = new Map(sites.map((site) => [site.id, site]));
  const prices = new Map(priced.map((each) => [each.site, each.prices]));
  const edges = new Map(sites.flatMap((site) => (site.weight === undefined ? [] : [[site.weight, site]])));
  return priced.flatMap(({ site: id }): SiteGroup[] => {
    const site = byId.get(id);
    if (site === undefined) throw new RangeError(`${id} is priced and no site of the model`);
    if (site.kind === 'edge') return [];
    const edge = edges.get(id);
    const together = [site, ...(edge !== undefined && prices.has(edge.id) ? [edge] : [])];
    const options = together.reduce<readonly PricedChoice[]>(
      (chosen, each) => chosen.flatMap((before) => extended(before, each, prices.get(each.id)!)),
      [{ chosen: [], loss: 0, lossError: 0 }],
    );
    return [{ sites: together, group: { id, options: options.map((each) => optionOf(each, resources)) } }];
  });
}

interface PricedChoice {
  readonly chosen: readonly Choice[];
  readonly loss: number;
  readonly lossError: number;
}

function extended(before: PricedChoice, site: Site, prices: readonly OptionPrice[]): PricedChoice[] {
  return prices.map(({ option, loss, lossError }) => ({
    chosen: [...before.chosen, { site, option }],
    loss: before.loss + loss,
    lossError: Math.hypot(before.lossError, lossError),
  }));
}

function optionOf({ chosen, loss, lossError }: PricedChoice, resources: readonly Resource[]): Option {
  const id = optionId(chosen.map(({ option }) => option));
  return { id, costs: Object.fromEntries(resources.map(({ name, cost }) => [name, cost(chosen)])), loss, lossError };
}
