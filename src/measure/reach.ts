import { checkpoint, type WorkOptions } from '../core/progress.ts';
import { allRows } from '../graph/rewrite.ts';
import { segment, segmentOf } from '../graph/segments.ts';
import type { Graph } from '../graph/types.ts';
import { dispatchOf, usesOf } from '../graph/uses.ts';
import type { Kernels } from '../kernels/contract.ts';
import type { Network } from '../model/types.ts';
import { type BoundaryShape, type BoundaryStore, memoryBoundaries } from '../run/boundaries.ts';
import { loadSegment } from '../run/lookups.ts';
import { SegmentedRun } from '../run/segments.ts';
import { sizesOf, type TokenBatch, textSequences } from '../run/sequences.ts';
import { HARDLY_REACHED } from './grouped.ts';
import { planBatches } from './plan.ts';
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
  // All matrices of a block get the same tokens: one kind of them tells.
  const experts = measured.filter(({ kind }) => kind === measured[0].kind).map(({ expert }) => expert!);
  const blocks = [...Map.groupBy(experts, ({ tensor }) => tensor)].map(([tensor, own]) => ({
    tensor,
    tokens: [...own].sort((a, b) => a.index - b.index).map(({ tokens }) => tokens),
  }));
  const hardly = experts.filter(({ tokens }) => isHardlyReached(tokens));
  return { blocks, enough: HARDLY_REACHED, experts: experts.length, hardly };
}

function isHardlyReached(tokens: readonly [number, number]): boolean {
  return Math.min(...tokens) < HARDLY_REACHED;
}

/** Counts the tokens of every expert, forwards only: a small part of what measuring takes. */
export async function countTokens(
  kernels: Kernels,
  network: Network,
  tokens: TokenBatch,
  options: WorkOptions & { readonly boundaries?: (shape: BoundaryShape) => BoundaryStore } = {},
): Promise<BlockReach[]> {
  const graph = allRows(network.graph);
  const last = Math.max(-1, ...grouped(graph).map(({ node }) => segmentOf(graph, node)));
  if (last < 0) return [];
  const run = new SegmentedRun(kernels.device, network, graph, textSequences(tokens), { states: 'whole' });
  const boundaries = (options.boundaries ?? memoryBoundaries)(run.boundaryShape());
  try {
    const blocks: BlockReach[] = [];
    for (let index = 0; index <= last; index++) {
      blocks.push(...(await countSegment(run, segment(graph, index, index + 1), boundaries, options)));
      options.onProgress?.({ stage: 'counting', done: index + 1, total: last + 1, unit: 'blocks' });
    }
    return blocks;
  } finally {
    run.close();
    boundaries.close();
  }
}

async function countSegment(
  run: SegmentedRun,
  part: Graph,
  boundaries: BoundaryStore,
  { signal }: WorkOptions,
): Promise<BlockReach[]> {
  const dispatches = new Map(grouped(part).map((use) => [dispatchOf(part, use).offsets, use.tensor]));
  const counts = new Map([...dispatches].map(([offsets]) => [offsets, [] as [number, number][]]));
  const batches = planBatches(run.sequences);
  const tables = await loadSegment(run, part);
  const program = run.open(part, batches, [...dispatches.keys()]);
  try {
    for (const batch of batches) {
      await checkpoint(signal);
      run.feed(program, batch, boundaries, tables);
      program.run(sizesOf(run.sequences, batch.order.length));
      for (const [value, found] of counts) {
        const offsets = new Int32Array(part.values[value].shape[0] as number);
        await program.read(value, offsets);
        for (let e = 0; e + 1 < offsets.length; e++) {
          found[e] ??= [0, 0];
          found[e][batch.half] += offsets[e + 1] - offsets[e];
        }
      }
      for (const value of part.outputs) await run.keep(program, value, batch, boundaries);
    }
  } finally {
    program.close();
    run.memory.drop(...tables.loaded);
  }
  return [...counts].map(([offsets, tokens]) => ({ tensor: dispatches.get(offsets)!, tokens }));
}

function grouped(graph: Graph) {
  return usesOf(graph).filter(({ kind }) => kind === 'grouped');
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
    (await count(text)).reduce((sum, block) => sum + block.tokens.filter(isHardlyReached).length, 0);
  const found = await hardly(tokens);
  return found > 0 && (await hardly(more)) < found ? more : tokens;
}
