import { GraphBuilder } from './build.ts';
import type { Graph, Node, ValueId } from './types.ts';

/**
 * A graph built anew node by node.
 * @param change makes a node's outputs otherwise; undefined: the node as it is
 * @param weightShape gives weights another shape
 */
export function rewrite(
  graph: Graph,
  change: (node: Node, inputs: readonly (ValueId | null)[], build: GraphBuilder) => readonly ValueId[] | undefined,
  weightShape: (tensor: string, shape: readonly number[]) => readonly number[] = (_, shape) => shape,
): Graph {
  const build = new GraphBuilder();
  const moved = new Map<ValueId, ValueId>();
  const movedTo = (id: ValueId): ValueId => {
    const known = moved.get(id);
    if (known !== undefined) return known;
    const made = outside(graph, id, build, weightShape);
    moved.set(id, made);
    return made;
  };
  const cuts = new Set(graph.cuts);
  for (const [index, node] of graph.nodes.entries()) {
    if (cuts.has(index)) build.cut();
    const inputs = node.inputs.map((id) => (id === null ? null : movedTo(id)));
    const outputs = change(node, inputs, build) ?? build.nodes(node.op, inputs, node.attributes);
    for (const [i, id] of node.outputs.entries()) moved.set(id, outputs[i]);
  }
  return build.finish(graph.outputs.map(movedTo));
}

function outside(
  { values }: Graph,
  id: ValueId,
  build: GraphBuilder,
  weightShape: (tensor: string, shape: readonly number[]) => readonly number[],
): ValueId {
  const value = values[id];
  switch (value.source) {
    case 'input':
      return build.input(value.name, value.type, value.shape);
    case 'weight':
      return build.weight(value.tensor, weightShape(value.tensor, value.shape as number[]));
    case 'constant':
      return build.constant(value.recipe, value.shape);
    case 'node':
      throw new RangeError(`graph: value ${id} is read before it is made`);
  }
}

/** The network with outputs for every row: nothing is asked for by `wanted`. */
export function allRows(graph: Graph): Graph {
  return rewrite(graph, ({ op }, inputs) => (op === 'select' ? [inputs[0]!] : undefined));
}
