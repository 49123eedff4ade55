import type { BitPlan } from '../../allocate/types.ts';
import { isLlamaCppCache } from '../../model/cache-formats.ts';
import { bitsOf } from '../../model/edge-options.ts';
import type { Site, SiteKind } from '../../model/sites.ts';

/** Lines on what a plan rounds while the model runs, states and edges; none for kinds that were not planned. */
export function describeRunning(sites: readonly Site[], plan: BitPlan): string[] {
  return [...describeStates(sites, plan), ...describeEdges(sites, plan)];
}

function planned(sites: readonly Site[], kind: SiteKind, plan: BitPlan): Site[] {
  return sites.filter((site) => site.kind === kind && site.id in plan.sites);
}

function shareOf(kl: number | undefined): string {
  return kl === undefined ? '' : `; KL ${kl.toFixed(6)} of the prediction`;
}

function describeStates(sites: readonly Site[], plan: BitPlan): string[] {
  const states = planned(sites, 'state', plan);
  if (states.length === 0) return [];
  const formats = (pool: string): string[] =>
    states.filter((site) => site.pool === pool).map(({ id }) => plan.sites[id]);
  const [keys, values] = [formats('k'), formats('v')];
  const share = shareOf(plan.prediction?.stateKl);
  if (new Set(keys).size > 1 || new Set(values).size > 1)
    return [`keys       ${keys.join(' ')}`, `values     ${values.join(' ')}${share}`];
  const [[k = 'none'], [v = 'none']] = [keys, values];
  const isTheirs = isLlamaCppCache(k) && isLlamaCppCache(v);
  const flags = isTheirs ? `; llama.cpp: -ctk ${k.toLowerCase()} -ctv ${v.toLowerCase()}` : '';
  return [`cache      keys ${k}, values ${v}${flags}${share}`];
}

function describeEdges(sites: readonly Site[], plan: BitPlan): string[] {
  const edges = planned(sites, 'edge', plan);
  if (edges.length === 0) return [];
  const counts = Map.groupBy(edges, ({ id }) => bitsOf(plan.sites[id], id));
  const shares = [...counts]
    .sort(([a], [b]) => b - a)
    .map(([bits, members]) => `${bits} bits of ${members.length} matrices`);
  return [`inputs     ${shares.join(', ')}${shareOf(plan.prediction?.edgeKl)}`];
}
