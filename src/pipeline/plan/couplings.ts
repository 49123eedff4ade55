import type { Coupling } from '../../allocate/types.ts';
import { fusedGroups } from '../../graph/uses.ts';
import type { PricedSite } from '../../measure/site-prices.ts';
import { isLlamaCppCache } from '../../model/cache-formats.ts';
import { type Site, sitesOf } from '../../model/sites.ts';
import type { Deployment, Setting } from '../resources/types.ts';

/*
 * What shares a choice. A tensor is one site, so that a table that is embedding and head, and the experts of one stacked
 * tensor, share theirs by themselves. Here stands what runtimes demand beyond that.
 */

/**
 * - `fuse`: matrices that read the same rows (q, k and v; gate and up), which runtimes join into one product. vLLM loads them as
 *   `qkv_proj` and `gate_up_proj` and refuses schemes that differ; runtimes of GGUF keep them apart. Of tables and routers,
 *   which nobody joins, nothing is asked.
 * - `kvUniform`: one format for all keys and one for all values.
 */
export function couplings({ model, table, running = [], fuse, kvUniform }: Setting): Coupling[] {
  const priced = new Set([...table.tensors.map(({ tensor }) => tensor), ...running.map(({ site }) => site)]);
  const agree = (ids: readonly string[]): Coupling[] => {
    const groups = ids.filter((id) => priced.has(id));
    return groups.length > 1 ? [{ kind: 'agree', groups }] : [];
  };
  const states = Map.groupBy(statesOf(sitesOf(model)), ({ pool }) => pool);
  return [
    ...(fuse ? fusedGroups(model.graph).flatMap(agree) : []),
    ...(kvUniform ? [...states.values()].flatMap((pool) => agree(pool.map(({ id }) => id))) : []),
  ];
}

/** What can be chosen for a runtime: one with the same format for all keys has those of llama.cpp. Errors must be finite. */
export function usable(
  sites: readonly Site[],
  priced: readonly PricedSite[],
  { kvUniform }: Deployment,
): readonly PricedSite[] {
  const states = new Set(statesOf(sites).map(({ id }) => id));
  return priced.map(({ site, prices }) => ({
    site,
    prices: prices.filter(
      ({ option, loss }) => Number.isFinite(loss) && (!kvUniform || !states.has(site) || isLlamaCppCache(option)),
    ),
  }));
}

function statesOf(sites: readonly Site[]): Site[] {
  return sites.filter(({ kind }) => kind === 'state');
}
