import { FormatError } from '../core/errors.ts';
import { sizeOf } from '../kernels/program.ts';
import { opNamed } from './ops/index.ts';
import { rewrite } from './rewrite.ts';
import type { Graph, Sizes } from './types.ts';

/**
 * A graph for one size of everything: its symbols are numbers. Values that belong to other segments stay as they are.
 * @throws RangeError for a symbol that `sizes` lacks
 */
export function specialise(graph: Graph, sizes: Sizes): Graph {
  const used = new Set([...graph.nodes.flatMap(({ inputs, outputs }) => [...inputs, ...outputs]), ...graph.outputs]);
  const values = graph.values.map((value, id) =>
    used.has(id) ? { ...value, shape: value.shape.map((size) => sizeOf(size, sizes)) } : value,
  );
  return { ...graph, values };
}

/**
 * The same network in primitives alone, for sequences that begin with their first token. They are closed under
 * differentiation, so that its gradients have gradients; and every device has them.
 * @param sizes of every symbol; `sequences` and `length` for attention
 * @throws FormatError for an op that has no expansion: gradients made by kernels, and sums into states
 */
export function expand(graph: Graph, sizes: Sizes): Graph {
  return rewrite(specialise(graph, sizes), (node, inputs, build) => {
    const op = opNamed(node.op);
    if (op.primitive) return undefined;
    if (op.expand === undefined) throw new FormatError(`graph: op ${op.name} has no expansion into primitives`);
    return op.expand({ ...node, inputs }, build, sizes);
  });
}
