import type { BitPlan, Coupling, Group } from '../../allocate/types.ts';
import type { PricedCache } from '../../measure/cache.ts';
import type { Resource } from '../resources/types.ts';

/**
 * The allocator's view of the KV cache: keys and values of every block.
 * @param allowed which formats are options, default all that were priced
 */
export function cacheGroups(
  prices: readonly PricedCache[],
  resources: readonly Resource[],
  allowed: (format: string) => boolean = () => true,
): Group[] {
  return prices.map((priced) => ({
    id: groupId(priced),
    options: priced.prices
      .filter(({ format, loss }) => allowed(format) && Number.isFinite(loss))
      .map(({ format, loss, lossError }) => ({
        id: format,
        costs: Object.fromEntries(resources.map(({ name, cacheCost }) => [name, cacheCost?.(format) ?? 0])),
        loss,
        lossError,
      })),
  }));
}

/** Runtimes with one format for all keys and one for all values. */
export function uniformCache(prices: readonly PricedCache[]): Coupling[] {
  return (['k', 'v'] as const).map((kind) => ({
    kind: 'agree',
    groups: prices.filter((priced) => priced.kind === kind).map(groupId),
  }));
}

/** The formats that a plan's groups have. @param chosen by group id */
export function chosenCache(
  prices: readonly PricedCache[],
  chosen: ReadonlyMap<string, string>,
): NonNullable<BitPlan['cache']> {
  const formats = (kind: 'k' | 'v'): string[] =>
    prices
      .filter((priced) => priced.kind === kind)
      .sort((a, b) => a.layer - b.layer)
      .map((priced) => chosen.get(groupId(priced))!);
  return { k: formats('k'), v: formats('v') };
}

/** Options that a plan has chosen, by group. */
export function cacheIds({ cache }: BitPlan): (readonly [string, string])[] {
  return (['k', 'v'] as const).flatMap((kind) =>
    (cache?.[kind] ?? []).map((format, layer) => [groupId({ kind, layer }), format] as const),
  );
}

function groupId({ kind, layer }: Pick<PricedCache, 'kind' | 'layer'>): string {
  return `cache.${kind}.${layer}`;
}
