import { UsageError } from '../core/errors.ts';
import type { Kernels } from '../kernels/contract.ts';
import { type ExpertRule, routersOf } from '../model/expert-rules.ts';
import type { Network } from '../model/types.ts';
import type { TokenBatch } from './plan.ts';
import { type RoutingOptions, visitRouting } from './routing.ts';

/**
 * Refuses what no rule can do: a token keeps one expert at least.
 * @param share of the experts that tokens get
 * @throws UsageError for models without experts, and for shares that cannot be
 */
export function checkExpertBudget({ graph }: Pick<Network, 'graph'>, share: number): void {
  const routers = routersOf(graph);
  if (routers.length === 0) throw new UsageError('--expert-budget: the model has no experts; leave it out');
  const least = Math.max(...routers.map(({ used }) => 1 / used));
  if (!(share >= least && share <= 1))
    throw new UsageError(
      `--expert-budget: found ${share}, expected ${least} to 1: a token gets ${routers[0].used} experts and keeps one`,
    );
}

/**
 * Rules by token: an expert is left out where its weight is too small a share of the token's largest. The bound of every
 * block is such that its tokens keep `share` of their experts on the text; MC-MoE takes the median of two experts.
 * @see Lu et al., "Not all experts are equal" (2024), section 3.2; Huang et al., MC-MoE (2024), online dynamic pruning
 */
export async function tokenRules(
  kernels: Kernels,
  network: Network,
  tokens: TokenBatch,
  share: number,
  options: RoutingOptions = {},
): Promise<ExpertRule[]> {
  checkExpertBudget(network, share);
  const ratios = new Map<string, number[]>();
  await visitRouting(kernels, network, tokens, options, async ({ tensor, weights, used, read }) => {
    const numbers = await read(weights, (length) => new Float32Array(length));
    const found = ratios.get(tensor) ?? [];
    ratios.set(tensor, found);
    for (let slot = 0; slot < numbers.length; slot++)
      if (slot % used > 0) found.push(numbers[slot] / numbers[slot - (slot % used)]);
  });
  const routers = routersOf(network.graph);
  return [...ratios.values()].map((found, block) => {
    const { used: k, experts } = routers[block];
    const all = (value: number, count = k): number[] => new Array<number>(count).fill(value);
    const offsets = all(-boundOf(found, shareOfOthers(share, k)));
    return { ratios: all(1), levels: all(0), offsets, biases: all(0, experts) };
  });
}

/** Of a token's experts but the first, the share that is kept. */
export function shareOfOthers(share: number, used: number): number {
  return used === 1 ? 1 : (share * used - 1) / (used - 1);
}

/** The number that `share` of the values are above. */
export function boundOf(values: readonly number[], share: number): number {
  const sorted = Float64Array.from(values).sort();
  const below = Math.round((1 - share) * sorted.length);
  return below === 0 ? (sorted[0] ?? 0) - 1 : sorted[below - 1];
}
