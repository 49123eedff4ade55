import { matrixKinds } from '../graph/kinds.ts';
import { cacheStates } from '../graph/states.ts';
import type { ValueId } from '../graph/types.ts';
import { dispatchOf, type Use, usesOf } from '../graph/uses.ts';
import { edgeOf } from './edge-options.ts';
import { isMatrix } from './matrices.ts';
import type { ModelTensor, Network } from './types.ts';

/**
 * What can be given a precision, and what a plan names an option for:
 *
 * - `weight`: a matrix, stored in a number format. Stacked experts are one, and so is a table that is embedding and head.
 * - `edge`: the rows that a matrix is multiplied with, rounded to some bits while the network runs.
 * - `state`: the rows that are kept of earlier tokens, stored in a number format while the network runs.
 */
export interface Site {
  /** The tensor's name, that of the state, or the tensor's with `.input` behind it. */
  readonly id: string;
  readonly kind: SiteKind;
  /** Of the graph; −1 for a weight that no op multiplies with or looks up. */
  readonly value: ValueId;
  /** Nodes where it is at work, ascending. */
  readonly uses: readonly number[];
  /** Sites that are alike: the kind of a matrix, `k` or `v` of states. */
  readonly pool: string;
  /** Of a weight all rows; of others one, that of a token. */
  readonly rows: number;
  /** Values of a row. */
  readonly columns: number;
  /** Values in a row that blocks of a format must not straddle. */
  readonly span: number;
  /** Rows of a weight that one token works with, on the average: of experts those it is sent to, of a table the one it looks up. */
  readonly rowsPerToken: number;
  /** Whether it is a matrix that tokens are multiplied with, and not a table alone. */
  readonly isMultiplied: boolean;
  /** The weight whose inputs an edge is. */
  readonly weight?: string;
}

export type SiteKind = 'weight' | 'edge' | 'state';

type Source = Pick<Network, 'graph' | 'tensors'>;

/** All sites of a network: weights in their order, their inputs in the same, states with keys before values. */
export function sitesOf({ graph, tensors }: Source): Site[] {
  const kinds = matrixKinds(graph);
  const uses = Map.groupBy(usesOf(graph), ({ tensor }) => tensor);
  const weights = [...tensors.values()]
    .filter(isMatrix)
    .map((tensor) => weightSite(graph, tensor, uses.get(tensor.name) ?? [], kinds.get(tensor.name) ?? 'feedForward'));
  const edges = weights
    .filter(({ isMultiplied }) => isMultiplied)
    .map((weight) => edgeSite(weight, uses.get(weight.id)!));
  const states = cacheStates(graph).map(({ name, kind, width, headDim }): Site => {
    const nodes = graph.nodes.flatMap(({ op, attributes }, i) =>
      op === 'cache' && attributes['state'] === name ? [i] : [],
    );
    const common = {
      id: name,
      kind: 'state',
      pool: kind,
      uses: nodes,
      value: graph.nodes[nodes[0]].outputs[0],
    } as const;
    return { ...common, rows: 1, columns: width, span: headDim, rowsPerToken: 1, isMultiplied: false };
  });
  return [...weights, ...edges, ...states];
}

function weightSite(graph: Source['graph'], { name, shape }: ModelTensor, uses: readonly Use[], pool: string): Site {
  const [rows, columns] = [shape[0], shape.slice(1).reduce((product, size) => product * size, 1)];
  const products = uses.filter(({ kind }) => kind !== 'lookup');
  return {
    ...{ id: name, kind: 'weight', value: uses[0]?.weight ?? -1, uses: uses.map(({ node }) => node), pool },
    ...{ rows, columns, span: columns, isMultiplied: products.length > 0 },
    rowsPerToken: Math.max(1, ...products.map((use) => rowsOf(graph, use, rows))),
  };
}

function rowsOf(graph: Source['graph'], use: Use, rows: number): number {
  if (use.kind !== 'grouped') return rows;
  const { used, experts } = dispatchOf(graph, use);
  return (rows / experts) * used;
}

function edgeSite(weight: Site, uses: readonly Use[]): Site {
  const products = uses.filter(({ kind }) => kind !== 'lookup');
  return {
    ...weight,
    ...{ id: edgeOf(weight.id), kind: 'edge', weight: weight.id, value: products[0].input, rows: 1, rowsPerToken: 1 },
    uses: products.map(({ node }) => node),
  };
}
