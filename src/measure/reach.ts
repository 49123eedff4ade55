import type { Kernels } from '../kernels/contract.ts';
import type { Network } from '../model/types.ts';
import type { TokenBatch } from '../run/sequences.ts';
import { HARDLY_REACHED, isHardlyReached } from './experts.ts';
import { type RoutingOptions, visitRouting } from './routing.ts';
import type { MeasuredExpert, UseSummary } from './types.ts';

/** Tokens that the experts of one block got. */
export interface BlockReach {
  /** One of the tensors that the experts are stacked in. */
  readonly tensor: string;
  /** Of the sequences that rounding may see, and of the others, by expert. */
  readonly tokens: readonly (readonly [number, number])[];
}

/** What a text reached. */
export interface ExpertReach {
  readonly blocks: readonly BlockReach[];
  /** Tokens below which an expert of a half is hardly reached. */
  readonly enough: number;
  /** Experts of all blocks, and those that too few tokens of a half reached. */
  readonly experts: number;
  readonly hardly: readonly MeasuredExpert[];
}

/** Which experts were measured by how much text; undefined where there are none. */
export function expertReach(summaries: readonly Pick<UseSummary, 'expert' | 'kind'>[]): ExpertReach | undefined {
  const measured = summaries.filter(({ expert }) => expert !== undefined);
  if (measured.length === 0) return undefined;
  // All matrices of a block's experts get the same tokens: one kind of them tells. Matrices of heads get all.
  const kinds = [...Map.groupBy(measured, ({ kind }) => kind).values()].map((same) =>
    same.map(({ expert }) => expert!),
  );
  const mean = (own: readonly MeasuredExpert[]): number =>
    own.reduce((sum, { tokens }) => sum + tokens[0] + tokens[1], 0) / own.length;
  const experts = kinds.reduce((least, own) => (mean(own) < mean(least) ? own : least));
  const blocks = [...Map.groupBy(experts, ({ tensor }) => tensor)].map(([tensor, own]) => ({
    tensor,
    tokens: [...own].sort((a, b) => a.index - b.index).map(({ tokens }) => tokens),
  }));
  const hardly = experts.filter(isHardlyReached);
  return { blocks, enough: HARDLY_REACHED, experts: experts.length, hardly };
}

/** Counts the tokens of every expert, forwards only: a small part of what measuring takes. */
export async function countTokens(
  kernels: Kernels,
  network: Network,
  tokens: TokenBatch,
  options: RoutingOptions = {},
): Promise<BlockReach[]> {
  const blocks = new Map<string, [number, number][]>();
  await visitRouting(kernels, network, tokens, options, async ({ tensor, offsets, batch, read }) => {
    const starts = await read(offsets, (length) => new Int32Array(length));
    const found = blocks.get(tensor) ?? Array.from({ length: starts.length - 1 }, (): [number, number] => [0, 0]);
    blocks.set(tensor, found);
    for (const [e, counts] of found.entries()) counts[batch.half] += starts[e + 1] - starts[e];
  });
  return [...blocks].map(([tensor, tokens]) => ({ tensor, tokens }));
}

/**
 * The text to measure on: where it hardly reaches some experts and there is more of it, twice as much, as long as more
 * experts are reached by that. All of it is measured on, since sequences chosen for their experts would make those look
 * more common than they are.
 */
export async function enoughText(
  tokens: TokenBatch,
  count: (tokens: TokenBatch) => Promise<readonly BlockReach[]>,
): Promise<TokenBatch> {
  const more = tokens.more?.();
  if (more === undefined) return tokens;
  const hardly = async (text: TokenBatch): Promise<number> =>
    (await count(text)).reduce(
      (sum, block) => sum + block.tokens.filter((own) => isHardlyReached({ tokens: own })).length,
      0,
    );
  const found = await hardly(tokens);
  return found > 0 && (await hardly(more)) < found ? more : tokens;
}
