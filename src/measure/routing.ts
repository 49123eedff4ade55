import { checkpoint, type WorkOptions } from '../core/progress.ts';
import { allRows } from '../graph/rewrite.ts';
import { segment, segmentOf } from '../graph/segments.ts';
import type { Graph, ValueId } from '../graph/types.ts';
import { type Dispatch, dispatchOf, usesOf } from '../graph/uses.ts';
import type { Kernels } from '../kernels/contract.ts';
import { countOf } from '../kernels/program.ts';
import type { Network } from '../model/types.ts';
import { type BoundaryShape, type BoundaryStore, memoryBoundaries } from '../run/boundaries.ts';
import { loadSegment } from '../run/lookups.ts';
import { SegmentedRun } from '../run/segments.ts';
import { sizesOf, type TokenBatch, textSequences } from '../run/sequences.ts';
import { planBatches, type SequenceBatch } from './plan.ts';

/** A dispatch whose rows a router dealt. */
type Routed = Dispatch & { readonly weights: ValueId };

/** The experts of a block on some sequences. */
export interface VisitedRouting extends Routed {
  /** One of the tensors that they are stacked in. */
  readonly tensor: string;
  readonly batch: SequenceBatch;
  /** Numbers of one of the values that `Dispatch` names. */
  read<T extends Int32Array | Float32Array>(value: ValueId, into: (length: number) => T): Promise<T>;
}

export interface RoutingOptions extends WorkOptions {
  /** Keeps values between segments, default in memory. */
  readonly boundaries?: (shape: BoundaryShape) => BoundaryStore;
}

/** Runs the text forwards as far as there are experts and shows every block's, block by block. */
export async function visitRouting(
  kernels: Kernels,
  network: Network,
  tokens: TokenBatch,
  options: RoutingOptions,
  visit: (routing: VisitedRouting) => Promise<void>,
): Promise<void> {
  const graph = allRows(network.graph);
  const last = Math.max(-1, ...dispatches(graph).map(({ node }) => segmentOf(graph, node)));
  if (last < 0) return;
  const run = new SegmentedRun(kernels.device, network, graph, textSequences(tokens), { states: 'whole' });
  const boundaries = (options.boundaries ?? memoryBoundaries)(run.boundaryShape());
  try {
    for (let index = 0; index <= last; index++) {
      await visitSegment(run, segment(graph, index, index + 1), boundaries, options, visit);
      options.onProgress?.({ stage: 'routing', done: index + 1, total: last + 1, unit: 'blocks' });
    }
  } finally {
    run.close();
    boundaries.close();
  }
}

async function visitSegment(
  run: SegmentedRun,
  part: Graph,
  boundaries: BoundaryStore,
  { signal }: RoutingOptions,
  visit: (routing: VisitedRouting) => Promise<void>,
): Promise<void> {
  const blocks = dispatches(part);
  const batches = planBatches(run.sequences);
  const tables = await loadSegment(run, part);
  const kept = blocks.flatMap(({ offsets, slots, weights }) => [offsets, slots, weights]);
  const program = run.open(part, batches, kept);
  try {
    for (const batch of batches) {
      await checkpoint(signal);
      run.feed(program, batch, boundaries, tables);
      const sizes = sizesOf(run.sequences, batch.order.length);
      program.run(sizes);
      for (const block of blocks)
        await visit({
          ...block,
          batch,
          read: async (value, into) => {
            const numbers = into(countOf(part.values[value].shape, sizes));
            await program.read(value, numbers);
            return numbers;
          },
        });
      for (const value of part.outputs) await run.keep(program, value, batch, boundaries);
    }
  } finally {
    program.close();
    run.memory.drop(...tables.loaded);
  }
}

/** Every dispatch once, with the first matrices that read it. */
function dispatches(graph: Graph): (Routed & { readonly tensor: string; readonly node: number })[] {
  const grouped = usesOf(graph).filter(({ kind }) => kind === 'grouped');
  const found = new Map<ValueId, Routed & { tensor: string; node: number }>();
  for (const use of grouped) {
    const dispatch = dispatchOf(graph, use);
    const { offsets, weights } = dispatch;
    if (weights !== undefined && !found.has(offsets))
      found.set(offsets, { ...dispatch, weights, tensor: use.tensor, node: use.node });
  }
  return [...found.values()];
}
