import type { BitPlan, Coupling, Group } from '../../allocate/types.ts';
import type { CacheState } from '../../graph/states.ts';
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
    id: priced.name,
    options: priced.prices
      .filter(({ format, loss }) => allowed(format) && Number.isFinite(loss))
      .map(({ format, loss, lossError }) => ({
        id: format,
        costs: Object.fromEntries(resources.map(({ name, cacheCost }) => [name, cacheCost?.(priced, format) ?? 0])),
        loss,
        lossError,
      })),
  }));
}

/** Runtimes with one format for all keys and one for all values. */
export function uniformCache(prices: readonly PricedCache[]): Coupling[] {
  return kindsOf(prices).map(([, states]) => ({ kind: 'agree', groups: states.map(({ name }) => name) }));
}

/** The formats that a plan's groups have. @param chosen by group id */
export function chosenCache(
  states: readonly CacheState[],
  chosen: ReadonlyMap<string, string>,
): NonNullable<BitPlan['cache']> {
  return Object.fromEntries(kindsOf(states).map(([kind, each]) => [kind, each.map(({ name }) => chosen.get(name)!)]));
}

/** Options that a plan has chosen, by group. */
export function cacheIds(states: readonly CacheState[], { cache }: BitPlan): (readonly [string, string])[] {
  return kindsOf(states).flatMap(([kind, each]) =>
    (cache?.[kind] ?? []).map((format, i) => [each[i].name, format] as const),
  );
}

function kindsOf<S extends CacheState>(states: readonly S[]): [string, S[]][] {
  return [...Map.groupBy(states, ({ kind }) => kind)];
}
