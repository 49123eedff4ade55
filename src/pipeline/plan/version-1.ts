import type { BitPlan, PlanPrediction } from '../../allocate/types.ts';
import { edgeOf, edgeOption } from '../../model/edge-options.ts';

/**
 * A plan as versions before sites wrote it: formats of matrices, bits of their inputs, and a format of the keys and the
 * values of every block. Models had a cache in every block then.
 */
export interface BitPlan1 extends Omit<BitPlan, 'version' | 'sites' | 'prediction'> {
  readonly version: 1;
  readonly formats: Readonly<Record<string, string>>;
  readonly activations?: Readonly<Record<string, number>>;
  readonly cache?: { readonly k: readonly string[]; readonly v: readonly string[] };
  readonly prediction?: PlanPrediction & { readonly cacheKl?: number; readonly activationKl?: number };
}

/** The same plan by sites. */
export function fromVersion1(plan: BitPlan1): BitPlan {
  const { formats, activations = {}, cache, prediction, ...rest } = plan;
  const edges = Object.entries(activations).map(([tensor, bits]) => [edgeOf(tensor), edgeOption(bits)]);
  const states = (['k', 'v'] as const).flatMap((kind) =>
    (cache?.[kind] ?? []).map((format, layer) => [`blk.${layer}.${kind}`, format]),
  );
  const sites = { ...formats, ...Object.fromEntries([...edges, ...states]) };
  if (prediction === undefined) return { ...rest, version: 2, sites };
  const { cacheKl: stateKl, activationKl: edgeKl, ...predicted } = prediction;
  const shares = { ...(edgeKl !== undefined && { edgeKl }), ...(stateKl !== undefined && { stateKl }) };
  return { ...rest, version: 2, sites, prediction: { ...predicted, ...shares } };
}

/** A plan that was kept, by whichever version. */
export function current(plan: BitPlan | BitPlan1): BitPlan {
  return plan.version === 1 ? fromVersion1(plan) : plan;
}
