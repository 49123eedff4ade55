import { GraphBuilder } from '../graph/build.ts';
import { weightsOf } from '../graph/segments.ts';
import type { Graph, Node, ValueId } from '../graph/types.ts';
import type { ModelTensor, Network } from './types.ts';

/** A network whose experts come and go some at a time. */
export interface Streamed<N extends Network = Network> {
  readonly network: N;
  /** Nodes that begin a segment within a block's experts, behind its first ones. */
  readonly inner: ReadonlySet<number>;
  /** Sums of the experts so far, which the next segment adds to and nothing else reads. */
  readonly sums: ReadonlySet<ValueId>;
}

/** What may stand between `dispatch` and `combine` and be done for some experts at a time: row by row, or by expert. */
const BY_ROWS = new Set(['gatherSlots', 'groupedLinear', 'gated', 'activate', 'scale']);

/** One mixture of experts. */
interface Mixture {
  readonly route: Node;
  readonly dispatch: Node;
  /** Between `dispatch` and `combine`, in order. */
  readonly inside: readonly Node[];
  readonly combine: Node;
  readonly experts: number;
}

/**
 * The same network with the experts of every block in segments of their own, so many together that they take at most
 * `bytes`: each segment routes again, does its own experts' slots, and adds to the sum of those before it. What a token's
 * experts make is then added up in the order of experts.
 * @param bytesOf what an expert of a block takes while it is at work, by its tensors
 */
export function streamedExperts<N extends Network>(
  network: N,
  bytes: number,
  bytesOf: (tensors: readonly ModelTensor[]) => number,
): Streamed<N> {
  const mixtures = mixturesOf(network.graph).flatMap((mixture) => {
    const stacked = stackedIn(network, mixture);
    const together = Math.max(1, Math.floor(bytes / bytesOf(stacked)));
    return stacked.length > 0 && together < mixture.experts ? [{ mixture, together }] : [];
  });
  if (mixtures.length === 0) return { network, inner: new Set(), sums: new Set() };
  const rewriting = new Rewriting(network);
  const graph = rewriting.run(new Map(mixtures.map((each) => [each.mixture.combine, each])));
  return { network: { ...network, graph, tensors: rewriting.tensors }, inner: rewriting.inner, sums: rewriting.sums };
}

function mixturesOf({ nodes }: Graph): Mixture[] {
  return nodes
    .filter(({ op }) => op === 'combine')
    .flatMap((combine): Mixture[] => {
      const dispatch = nodes.find(({ op, outputs }) => op === 'dispatch' && outputs[0] === combine.inputs[1]);
      const route = nodes.find(({ op, outputs }) => op === 'route' && outputs[0] === dispatch?.inputs[0]);
      if (dispatch === undefined || route === undefined || route.outputs[1] !== combine.inputs[2]) return [];
      const made = new Set<ValueId>(dispatch.outputs);
      const inside = nodes.filter((node) => {
        const reads = node !== combine && node.inputs.some((id) => id !== null && made.has(id));
        if (reads) for (const id of node.outputs) made.add(id);
        return reads;
      });
      // Values of experts must not be read by anything else.
      if (inside.some(({ op }) => !BY_ROWS.has(op)) || !made.has(combine.inputs[0]!)) return [];
      return [{ route, dispatch, inside, combine, experts: dispatch.attributes.experts as number }];
    });
}

/** The stacked tensors of a mixture; none where one of its weights is not stacked. */
function stackedIn({ graph, tensors }: Network, { inside, experts }: Mixture): ModelTensor[] {
  const names = weightsOf({ ...graph, nodes: inside });
  const found = names.map((name) => tensors.get(name)!);
  return found.every((tensor) => tensor.experts === experts) ? found : [];
}

class Rewriting {
  readonly tensors: Map<string, ModelTensor>;
  readonly inner = new Set<number>();
  readonly sums = new Set<ValueId>();
  readonly #graph: Graph;
  readonly #build = new GraphBuilder();
  readonly #moved = new Map<ValueId, ValueId>();

  constructor({ graph, tensors }: Network) {
    this.#graph = graph;
    this.tensors = new Map(tensors);
  }

  run(mixtures: ReadonlyMap<Node, { readonly mixture: Mixture; readonly together: number }>): Graph {
    const [graph, build] = [this.#graph, this.#build];
    const apart = new Set(
      [...mixtures.values()].flatMap(({ mixture: { route, dispatch, inside } }) => [route, dispatch, ...inside]),
    );
    const cuts = new Set(graph.cuts);
    for (const [index, node] of graph.nodes.entries()) {
      if (cuts.has(index)) build.cut();
      if (apart.has(node)) continue;
      const found = mixtures.get(node);
      const outputs =
        found === undefined
          ? build.nodes(
              node.op,
              node.inputs.map((id) => this.#movedTo(id)),
              node.attributes,
            )
          : [this.#experts(found.mixture, found.together)];
      for (const [i, id] of node.outputs.entries()) this.#moved.set(id, outputs[i]);
    }
    return build.finish(graph.outputs.map((id) => this.#movedTo(id)!));
  }

  #movedTo(id: ValueId | null): ValueId | null {
    if (id === null) return null;
    const known = this.#moved.get(id);
    if (known !== undefined) return known;
    const value = this.#graph.values[id];
    let made: ValueId;
    if (value.source === 'input') made = this.#build.input(value.name, value.type, value.shape);
    else if (value.source === 'weight') made = this.#build.weight(value.tensor, value.shape as number[]);
    else if (value.source === 'constant') made = this.#build.constant(value.recipe, value.shape);
    else throw new RangeError(`graph: value ${id} is read before it is made`);
    this.#moved.set(id, made);
    return made;
  }

  /** All experts of a mixture, some after the other. → their sum */
  #experts(mixture: Mixture, together: number): ValueId {
    const build = this.#build;
    let sum: ValueId | undefined;
    for (let from = 0; from < mixture.experts; from += together) {
      build.cut();
      if (sum !== undefined) {
        this.sums.add(sum);
        this.inner.add(build.finish([]).nodes.length);
      }
      const made = this.#some(mixture, from, Math.min(together, mixture.experts - from));
      sum = sum === undefined ? made : build.node('add', [sum, made]);
    }
    build.cut();
    return sum!;
  }

  /** What experts [from, from + count) make. */
  #some({ route, dispatch, inside, combine, experts }: Mixture, from: number, count: number): ValueId {
    const build = this.#build;
    const routed = build.nodes(
      route.op,
      route.inputs.map((id) => this.#movedTo(id)),
      route.attributes,
    );
    const [ids, weights] = build.nodes('slotsOfExperts', routed, { from, count });
    const own = new Map<ValueId, ValueId>();
    for (const [i, id] of build.nodes('dispatch', [ids], { ...dispatch.attributes, experts: count }).entries())
      own.set(dispatch.outputs[i], id);
    const movedTo = (id: ValueId | null): ValueId | null => {
      if (id === null) return null;
      const value = this.#graph.values[id];
      if (value.source === 'weight') return this.#part(value.tensor, from, count, experts);
      return own.get(id) ?? this.#movedTo(id);
    };
    for (const node of inside)
      for (const [i, id] of build.nodes(node.op, node.inputs.map(movedTo), node.attributes).entries())
        own.set(node.outputs[i], id);
    return build.node(
      'combine',
      [movedTo(combine.inputs[0])!, own.get(dispatch.outputs[0])!, weights],
      combine.attributes,
    );
  }

  /** Some matrices of a stack, as a tensor of their own. */
  #part(tensor: string, from: number, count: number, experts: number): ValueId {
    const whole = this.tensors.get(tensor)!;
    const [rows, columns] = whole.shape;
    const each = rows / experts;
    const name = `${tensor}[${from}:${from + count}]`;
    const { load, loadBlocks } = whole;
    const range = (start: number, end: number) => [from * each + start, from * each + end] as const;
    this.tensors.set(name, {
      ...{ ...whole, name, shape: [count * each, columns], experts: count, stack: { tensor, first: from, experts } },
      load: (start = 0, end = count * each) => load(...range(start, end)),
      loadBlocks: loadBlocks && ((start = 0, end = count * each) => loadBlocks(...range(start, end))),
    });
    return this.#build.weight(name, [count * each, columns]);
  }
}
