import { FormatError } from '../core/errors.ts';
import { opNamed } from './ops/index.ts';
import type { Attributes, Builder, DataType, Graph, Node, Recipe, Shape, Type, Value, ValueId } from './types.ts';

/** Makes graphs: adds values and nodes, infers types, and finds weights and constants that are there already. */
export class GraphBuilder implements Builder {
  readonly #values: Value[];
  readonly #nodes: Node[];
  readonly #cuts: number[];
  readonly #known = new Map<string, ValueId>();

  /** @param from begins with what this graph has, ids unchanged */
  constructor(from?: Graph) {
    this.#values = [...(from?.values ?? [])];
    this.#nodes = [...(from?.nodes ?? [])];
    this.#cuts = [...(from?.cuts ?? [])];
    for (const [id, value] of this.#values.entries()) {
      const key = keyOf(value);
      if (key !== undefined) this.#known.set(key, id);
    }
  }

  input(name: string, type: DataType, shape: Shape): ValueId {
    return this.#once({ source: 'input', name, type, shape });
  }

  weight(tensor: string, shape: readonly number[]): ValueId {
    return this.#once({ source: 'weight', tensor, type: 'f32', shape });
  }

  constant(recipe: Recipe, shape: Shape): ValueId {
    return this.#once({ source: 'constant', recipe, type: 'f32', shape });
  }

  /** Adds a node with one output. @throws FormatError when the inputs do not fit the op */
  node(op: string, inputs: readonly (ValueId | null)[], attributes: Attributes = {}): ValueId {
    return this.nodes(op, inputs, attributes)[0];
  }

  nodes(op: string, inputs: readonly (ValueId | null)[], attributes: Attributes = {}): ValueId[] {
    const given = inputs.map((id) => (id === null ? undefined : this.typeOf(id)));
    const outputs = opNamed(op)
      .infer(given, attributes)
      .map(({ type, shape }) => this.#values.push({ source: 'node', type, shape }) - 1);
    this.#nodes.push({ op, inputs, outputs, attributes });
    return outputs;
  }

  /** Ends a segment: weights of what follows need not be in memory with those before. */
  cut(): void {
    if (this.#nodes.length > 0 && this.#cuts.at(-1) !== this.#nodes.length) this.#cuts.push(this.#nodes.length);
  }

  typeOf(id: ValueId): Type {
    const value = this.#values[id];
    if (value === undefined) throw new FormatError(`graph: value ${id} does not exist`);
    return value;
  }

  /** What has been made so far; nodes added later are not part of it. */
  finish(outputs: readonly ValueId[]): Graph {
    return { values: [...this.#values], nodes: [...this.#nodes], outputs, cuts: [...this.#cuts] };
  }

  #once(value: Value): ValueId {
    const key = keyOf(value)!;
    const found = this.#known.get(key);
    if (found !== undefined) return found;
    const id = this.#values.push(value) - 1;
    this.#known.set(key, id);
    return id;
  }
}

/** What makes two values from outside the same; undefined for values of nodes. */
function keyOf(value: Value): string | undefined {
  switch (value.source) {
    case 'input':
      return `input ${value.name}`;
    case 'weight':
      return `weight ${value.tensor}`;
    case 'constant':
      return `constant ${JSON.stringify([value.recipe, value.shape])}`;
    case 'node':
      return undefined;
  }
}

/** A reader of a value: a node, and which of its inputs the value is. */
export interface Reader {
  readonly node: number;
  readonly input: number;
}

// Graphs do not change, and deep ones are asked for these by every segment.
const knownProducers = new WeakMap<Graph, Int32Array>();
const knownConsumers = new WeakMap<Graph, readonly (readonly Reader[])[]>();

/** Which node makes each value; −1 for values from outside. Not to be written into. */
export function producers(graph: Graph): Int32Array {
  const known = knownProducers.get(graph);
  if (known !== undefined) return known;
  const producer = new Int32Array(graph.values.length).fill(-1);
  for (const [index, { outputs }] of graph.nodes.entries()) for (const id of outputs) producer[id] = index;
  knownProducers.set(graph, producer);
  return producer;
}

/** Which nodes read each value, ascending; once for each of their inputs. */
export function consumers(graph: Graph): readonly (readonly Reader[])[] {
  const known = knownConsumers.get(graph);
  if (known !== undefined) return known;
  const found: Reader[][] = graph.values.map(() => []);
  for (const [node, { inputs }] of graph.nodes.entries())
    for (const [input, id] of inputs.entries()) if (id !== null) found[id].push({ node, input });
  knownConsumers.set(graph, found);
  return found;
}
