import { opNamed } from './ops/index.ts';
import type { Graph, ReplacedState } from './types.ts';

/** Rows that a network keeps of its earlier tokens: one a token, of numbers that may be stored in a format. */
export interface CacheState {
  /** What its memory is called in the graph. */
  readonly name: string;
  /** `k` or `v`. */
  readonly kind: string;
  /** Values of a row. */
  readonly width: number;
  /** Values that a format's blocks must not straddle. */
  readonly headDim: number;
}

const known = new WeakMap<Graph, readonly CacheState[]>();

/**
 * Every state that a graph caches rows in, keys of all blocks before their values. Blocks may have none, share those of
 * others, and differ in size. States that are replaced at every token are not among them: they stay float32.
 */
export function cacheStates(graph: Graph): readonly CacheState[] {
  const found = known.get(graph) ?? statesOf(graph);
  known.set(graph, found);
  return found;
}

function statesOf({ values, nodes }: Graph): CacheState[] {
  const byName = new Map<string, CacheState>();
  for (const { op, outputs, attributes } of nodes) {
    if (op !== 'cache') continue;
    const { state: name, kind, headDim } = attributes as { state: string; kind: string; headDim: number };
    byName.set(name, { name, kind, width: values[outputs[0]].shape[1] as number, headDim });
  }
  return [...Map.groupBy(byName.values(), ({ kind }) => kind).values()].flat();
}

/** Every state that each run of a stream replaces. */
export function replacedStates({ values, nodes }: Graph): ReplacedState[] {
  return nodes.flatMap((node) => opNamed(node.op).replaces?.(node, (id) => values[id]) ?? []);
}
