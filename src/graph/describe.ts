import { schedule } from './schedule.ts';
import { boundaryInputs, segment, segmentCount, weightsOf } from './segments.ts';
import type { Graph, Shape, Sizes, Target } from './types.ts';

/** One segment of a network, for people. */
export interface SegmentDescription {
  /** First segment that looks like this, and how many in a row do. */
  readonly first: number;
  readonly count: number;
  /** Ops in their order, with the shapes that they make. */
  readonly ops: readonly { readonly op: string; readonly weight?: string; readonly shape: string }[];
  readonly weights: readonly string[];
  /** Values of the weights. */
  readonly parameters: number;
  /** Values that come from earlier segments. */
  readonly reads: number;
  /** Bytes of the values of one segment at these sizes. */
  readonly arenaBytes: number;
}

/**
 * Segments of a network; those that are alike and follow each other are told once.
 * @param sizes capacities that memory is told for
 */
export function describeGraph(graph: Graph, target: Target, sizes: Sizes): SegmentDescription[] {
  const found: (SegmentDescription & { readonly key: string })[] = [];
  for (let index = 0; index < segmentCount(graph); index++) {
    const next = describeSegment(graph, target, sizes, index);
    const last = found.at(-1);
    if (last?.key === next.key) found[found.length - 1] = { ...last, count: last.count + 1 };
    else found.push(next);
  }
  return found.map(({ key: _, ...description }) => description);
}

function describeSegment(graph: Graph, target: Target, sizes: Sizes, first: number) {
  const part = segment(graph, first, first + 1);
  const ops = part.nodes.map(({ op, inputs, outputs }) => {
    const weight = inputs
      .map((id) => (id === null ? undefined : part.values[id]))
      .find((value) => value?.source === 'weight');
    const shape = outputs.length > 0 ? told(part.values[outputs[0]].shape) : '';
    return { op, ...(weight?.source === 'weight' ? { weight: weight.tensor } : {}), shape };
  });
  const weights = weightsOf(part);
  const parameters = part.values.reduce((sum, value) => {
    const own = value.source === 'weight' && weights.includes(value.tensor);
    return own ? sum + (value.shape as number[]).reduce((product, size) => product * size, 1) : sum;
  }, 0);
  const key = JSON.stringify(ops.map(({ op, weight, shape }) => [op, weight?.replaceAll(/\d+/g, '#'), shape]));
  const { arenaBytes } = schedule(part, target, sizes).program;
  return { first, count: 1, ops, weights, parameters, reads: boundaryInputs(part).length, arenaBytes, key };
}

/** A shape as people write it: `tokens × 4096`. */
function told(shape: Shape): string {
  return shape
    .map((size) => (typeof size === 'number' ? String(size) : size.times === 1 ? size.of : `${size.times}·${size.of}`))
    .join(' × ');
}
