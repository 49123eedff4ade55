import type { PricedSite, SiteOptions } from '../../measure/site-prices.ts';
import { pricedCacheFormats } from '../../model/cache-formats.ts';
import { edgeOption } from '../../model/edge-options.ts';
import type { Magnitudes } from '../../model/magnitudes.ts';
import { sitesOf } from '../../model/sites.ts';
import type { Model } from '../../model/types.ts';
import { candidates, matrixFacts } from '../../quantize/candidates.ts';

/** What is to be chosen beside the formats of weights. */
export interface RunningChoices {
  /** Formats of states. */
  readonly states: boolean;
  /** Bits that edges may have; default: edges are not rounded. */
  readonly edges?: readonly number[];
}

/** What edges and states may be given: bits as they were asked for, formats whose blocks do not straddle heads. */
export function runningOptions(model: Model, { states, edges }: RunningChoices): SiteOptions[] {
  return sitesOf(model).flatMap(({ id, kind, span }): SiteOptions[] => {
    if (kind === 'edge' && edges !== undefined) return [{ site: id, options: edges.map(edgeOption) }];
    if (kind === 'state' && states) return [{ site: id, options: pricedCacheFormats(span) }];
    return [];
  });
}

/** What weights may be given: formats of the palette that hold them. @param palette default all that runtimes in use load */
export function weightOptions(model: Model, magnitudes: Magnitudes, palette?: readonly string[]): SiteOptions[] {
  return sitesOf(model).flatMap(({ id, kind }): SiteOptions[] => {
    if (kind !== 'weight') return [];
    const facts = matrixFacts(model.tensors.get(id)!, magnitudes);
    return [{ site: id, options: candidates(facts, palette).map(({ name }) => name) }];
  });
}

/** Every option for nothing: enough to know whether a plan exists. */
export function freely(sites: readonly SiteOptions[]): PricedSite[] {
  return sites.map(({ site, options }) => ({
    site,
    prices: options.map((option) => ({ option, loss: 0, lossError: 0 })),
  }));
}
