import { consumers, producers } from './build.ts';
import type { Graph, ValueId } from './types.ts';
import { type Use, usesOf } from './uses.ts';

/** What a matrix is in a network: kinds whose predictions tend to be off alike. */
export type MatrixKind = 'embedding' | 'head' | 'attention' | 'feedForward';

/**
 * The kind of every matrix: looked up somewhere, an output of the network, feeding attention or reading what it gives, or
 * anything else.
 */
export function matrixKinds(graph: Graph): ReadonlyMap<string, MatrixKind> {
  const uses = usesOf(graph);
  const find = new KindFinder(graph, uses);
  const kinds = new Map<string, MatrixKind>();
  for (const use of uses) {
    const kind = use.kind === 'lookup' ? 'embedding' : find.kindOf(use);
    if (kinds.get(use.tensor) !== 'embedding') kinds.set(use.tensor, kind);
  }
  return kinds;
}

class KindFinder {
  readonly #graph: Graph;
  readonly #producer: Int32Array;
  readonly #readers: ReturnType<typeof consumers>;
  /** Nodes that multiply with weights: where a search ends. */
  readonly #products: ReadonlySet<number>;

  constructor(graph: Graph, uses: readonly Use[]) {
    this.#graph = graph;
    this.#producer = producers(graph);
    this.#readers = consumers(graph);
    this.#products = new Set(uses.map(({ node }) => node));
  }

  kindOf({ input, output }: Use): MatrixKind {
    if (this.#meetsAttention(output, 'forwards')) return 'attention';
    if (this.#meetsAttention(input, 'backwards')) return 'attention';
    return this.#isOutput(output) ? 'head' : 'feedForward';
  }

  /** Whether attention is met before a sum, a product or a norm of whole rows. */
  #meetsAttention(value: ValueId, direction: 'forwards' | 'backwards'): boolean {
    const next =
      direction === 'forwards'
        ? this.#readers[value].map(({ node }) => node)
        : [this.#producer[value]].filter((n) => n >= 0);
    return next.some((index) => {
      const { op, inputs, outputs } = this.#graph.nodes[index];
      if (MIXING.has(op)) return true;
      if (!PASSED.has(op)) return false;
      const on = direction === 'forwards' ? outputs : inputs.slice(0, 1);
      return on.some((id) => id !== null && this.#meetsAttention(id, direction));
    });
  }

  /** Whether nothing but its own bias, factors and activation stands between a value and the network's output. */
  #isOutput(value: ValueId): boolean {
    if (this.#graph.outputs.includes(value)) return true;
    return this.#readers[value].some(({ node }) => {
      const { op, outputs } = this.#graph.nodes[node];
      return !this.#products.has(node) && ON_OUTPUTS.has(op) && this.#isOutput(outputs[0]);
    });
  }
}

/** Attention and what takes its place: ops by which a token sees others. */
const MIXING: ReadonlySet<string> = new Set(['attention', 'linearAttention', 'shortConv']);

/** What stands between projections and attention. */
const PASSED: ReadonlySet<string> = new Set([
  'addBias',
  'rmsNorm',
  'rope',
  'cache',
  'scale',
  'scaleColumns',
  'split',
  'multiply',
  'activate',
  'columns',
]);

/** What stands between a head and the network's output: biases, and caps c·tanh(x/c). */
const ON_OUTPUTS: ReadonlySet<string> = new Set(['addBias', 'activate', 'scale']);
