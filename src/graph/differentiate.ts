import { consumers, GraphBuilder, producers } from './build.ts';
import { opNamed } from './ops/index.ts';
import type { Graph, Share, ValueId } from './types.ts';

/** A graph with the nodes of its gradients behind its own. */
export interface Differentiated {
  readonly graph: Graph;
  /** Gradient of a value; undefined where nothing that was differentiated depends on it. */
  gradientOf(value: ValueId): ValueId | undefined;
}

/** Name of the input that is the gradient given at a value. */
export function gradientName(value: ValueId): string {
  return `gradient ${value}`;
}

/**
 * Reverse-mode differentiation, from graph to graph: nodes of the vector–Jacobian products are added behind the graph's
 * own, so that both run as one program.
 *
 * Shares of a value's gradient are summed in the order in which its readers stand, each added to the sum of those before:
 * a block's gate before its up, a branch before the residual stream.
 * @param at values whose gradients are given: inputs named `gradient N` are added where no value is given for one
 * @param wanted values whose gradients are asked for
 */
export function differentiate(
  graph: Graph,
  at: ReadonlyMap<ValueId, ValueId> | readonly ValueId[],
  wanted: readonly ValueId[],
): Differentiated {
  const build = new GraphBuilder(graph);
  const seeds = new Map(
    at instanceof Map
      ? at
      : (at as readonly ValueId[]).map((id) => {
          const { type, shape } = build.typeOf(id);
          return [id, build.input(gradientName(id), type, shape)];
        }),
  );
  const gradients = new Gradients(graph, build, seeds, wanted);
  const found = new Map(wanted.map((id) => [id, gradients.of(id)]));
  const outputs = [...new Set([...graph.outputs, ...[...found.values()].filter((id) => id !== undefined)])];
  return {
    graph: { ...build.finish(outputs), cuts: graph.cuts },
    gradientOf: (value) => found.get(value) ?? gradients.known(value),
  };
}

class Gradients {
  readonly #graph: Graph;
  readonly #build: GraphBuilder;
  readonly #seeds: ReadonlyMap<ValueId, ValueId>;
  readonly #readers: ReturnType<typeof consumers>;
  /** Whether a value depends on a wanted one: the others' gradients lead nowhere. */
  readonly #active: Uint8Array;
  readonly #made = new Map<ValueId, ValueId | undefined>();
  readonly #shares = new Map<number, (Share | null)[]>();

  constructor(graph: Graph, build: GraphBuilder, seeds: ReadonlyMap<ValueId, ValueId>, wanted: readonly ValueId[]) {
    this.#graph = graph;
    this.#build = build;
    this.#seeds = seeds;
    this.#readers = consumers(graph);
    this.#active = dependents(graph, wanted);
    // Later nodes first, so that no chain of readers is followed deeper than one step.
    for (let node = graph.nodes.length - 1; node >= 0; node--)
      for (const id of graph.nodes[node].outputs) if (this.#active[id]) this.of(id);
  }

  known(value: ValueId): ValueId | undefined {
    return this.#made.get(value);
  }

  of(value: ValueId): ValueId | undefined {
    if (this.#made.has(value)) return this.#made.get(value);
    let sum = this.#seeds.get(value);
    for (const { node, input } of this.#readers[value]) {
      const share = this.#sharesOf(node)[input];
      if (share !== null) sum = share(sum);
    }
    this.#made.set(value, sum);
    return sum;
  }

  /** What a node gives to each of its inputs; nothing where nothing is given to its outputs. */
  #sharesOf(index: number): (Share | null)[] {
    const known = this.#shares.get(index);
    if (known !== undefined) return known;
    const node = this.#graph.nodes[index];
    const given = node.outputs.map((id) => this.of(id));
    const op = opNamed(node.op);
    const reached = given.some((id) => id !== undefined);
    if (reached && op.vjp === undefined && node.inputs.some((id) => id !== null && this.#active[id]))
      throw new RangeError(`graph: op ${node.op} has no gradient`);
    const shares = reached && op.vjp ? op.vjp(node, given, this.#build) : node.inputs.map(() => null);
    this.#shares.set(index, shares);
    return shares;
  }
}

/** Values that depend on some, those themselves included. */
function dependents({ values, nodes }: Graph, from: readonly ValueId[]): Uint8Array {
  const active = new Uint8Array(values.length);
  for (const id of from) active[id] = 1;
  for (const { inputs, outputs } of nodes)
    if (inputs.some((id) => id !== null && active[id] === 1)) for (const id of outputs) active[id] = 1;
  return active;
}

/** Nodes that outputs depend on, the others left out; ids unchanged. */
export function pruned(graph: Graph, outputs: readonly ValueId[]): Graph {
  const producer = producers(graph);
  const needed = new Uint8Array(graph.nodes.length);
  const values = [...outputs];
  for (let id = values.pop(); id !== undefined; id = values.pop()) {
    const node = producer[id];
    if (node === -1 || needed[node] === 1) continue;
    needed[node] = 1;
    for (const input of graph.nodes[node].inputs) if (input !== null) values.push(input);
  }
  return { ...graph, nodes: graph.nodes.filter((_, index) => needed[index] === 1), outputs, cuts: [] };
}
