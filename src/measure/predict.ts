import { allRows } from '../graph/rewrite.ts';
import { segment, segmentCount, segmentReading } from '../graph/segments.ts';
import type { Graph } from '../graph/types.ts';
import { isMatrix } from '../model/matrices.ts';
import type { Network } from '../model/types.ts';
import type { Objective } from '../objective/types.ts';
import { Footprint, type Scratch, stateName, weightName } from '../run/footprint.ts';
import { lookedUpBy, tableIds } from '../run/lookups.ts';
import type { SequenceRange } from '../run/segments.ts';
import type { Sequences } from '../run/sequences.ts';
import { isPooled, type MeasuredNode, measuringGraph } from './graph.ts';
import { planBatches } from './plan.ts';
import { tailPieces } from './tail.ts';
import type { MeasuredData } from './types.ts';

const target = { states: 'whole' } as const;

/**
 * Bytes of kernel memory at the highest while a network is measured: to the byte, the device's own tables and the scratch of
 * its threads apart.
 * @throws RangeError for networks with experts: what they take depends on which tokens they get
 */
export function measurementBytes(
  network: Network,
  { sequences, objective }: Pick<MeasuredData, 'sequences' | 'objective'>,
  { batchTokens }: { readonly batchTokens?: number },
  scratch: Scratch,
): number {
  const footprint = new Footprint(scratch);
  const graph = allRows(network.graph);
  const batches = planBatches(sequences, batchTokens);
  const wanted = segmentReading(network.graph, 'wanted');
  const tail = Math.min(segmentCount(graph) - 1, wanted);
  for (let index = 0; index < tail; index++) {
    const part = segment(graph, index, index + 1);
    const weights = footprint.loadSegment(network, part, sequences);
    footprint.openSegment(part, target, sequences, batches).close();
    footprint.drop(...weights);
  }
  const part = segment(graph, tail, segmentCount(graph));
  const cut = tailPieces(sequences, part, batches, wanted < segmentCount(graph));
  const pieces = cut.pieces.flatMap(({ parts }) => parts);
  countSegment(footprint, network, { part, sequences: cut.sequences, batches: pieces, objective });
  for (let index = tail - 1; index >= 0; index--)
    countSegment(footprint, network, { part: segment(graph, index, index + 1), sequences, batches });
  return footprint.peak;
}

interface MeasuredSegment {
  readonly part: Graph;
  readonly sequences: Sequences;
  readonly batches: readonly SequenceRange[];
  readonly objective?: Objective;
}

/** Counts what a `SegmentMeasurement` takes, and gives it back. */
function countSegment(
  footprint: Footprint,
  network: Network,
  { part, sequences, batches, objective }: MeasuredSegment,
): void {
  const isMeasured = (name: string): boolean => isMatrix(network.tensors.get(name)!);
  const { graph, linear, grouped, lookups } = measuringGraph(part, isMeasured, {
    objective,
    pooled: isPooled(network.graph),
  });
  if (grouped.length > 0)
    throw new RangeError(`${grouped[0].use.tensor}: memory of measuring experts is not predicted`);
  const weights = footprint.loadSegment(network, part, sequences);
  for (const node of linear) footprint.hold(weightName(node.delta), 4 * changedValues(node));
  const program = footprint.openSegment(graph, target, sequences, batches);
  // The end of a half: A and the perturbation, and their product.
  for (const node of linear) footprint.touch(4 * node.columns ** 2, 4 * changedValues(node), 4 * changedValues(node));
  for (const { use } of lookups) {
    const input = lookedUpBy(part, use.tensor);
    if (input === undefined) continue;
    const columns = part.values[use.weight].shape[1] as number;
    const rows = tableIds(sequences, input).length;
    const gradients = Math.max(...batches.map(({ order }) => order.length * sequences.length));
    footprint.touch(4 * columns ** 2, 4 * gradients * columns);
    footprint.touch(4 * columns ** 2, 4 * rows * columns, 4 * rows * columns);
  }
  program.close();
  const sums = (objective?.sums ?? []).map(({ state }) => state);
  const states = [...linear.flatMap(({ gram, rowEnergy }) => [gram, rowEnergy]), ...sums].map(stateName);
  footprint.drop(...weights, ...linear.map(({ delta }) => weightName(delta)), ...states);
}

/** Values of the rows that a matrix's sketch changes. */
function changedValues({ rows, stride, columns }: MeasuredNode): number {
  return Math.ceil(rows / stride) * columns;
}
