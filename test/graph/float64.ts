import { GraphBuilder } from '../../src/graph/build.ts';
import { constantValues } from '../../src/graph/constants.ts';
import { opNamed } from '../../src/graph/ops/index.ts';
import type { Graph, Lowering, Node, Type, ValueId } from '../../src/graph/types.ts';
import type { Bound, View } from '../../src/kernels/arrays/bind.ts';
import { bindings } from '../../src/kernels/arrays/table.ts';
import { countOf, type DataType, type Sizes, sizeOf } from '../../src/kernels/program.ts';
import { createReferenceKernels } from '../../src/kernels/reference/index.ts';

export type Numbers = Float64Array | Int32Array | Uint8Array;

const kernels = createReferenceKernels();

/**
 * Every value of a graph in float64: the reference's kernels on wider arrays, each value in memory of its own, without
 * a schedule. What rounds is the constants alone.
 * @param given values from outside, by id
 * @param states what they hold before, by name; they are changed
 */
export function evaluate64(
  graph: Graph,
  given: ReadonlyMap<ValueId, Numbers>,
  sizes: Sizes,
  states: Map<string, Numbers> = new Map(),
): Map<ValueId, Numbers> {
  const found = new Map(given);
  for (const [id, value] of graph.values.entries())
    if (value.source === 'constant')
      found.set(
        id,
        Float64Array.from(
          constantValues(
            value.recipe,
            value.shape.map((size) => sizeOf(size, sizes)),
          ),
        ),
      );
  for (const node of graph.nodes) runNode(graph, node, found, sizes, states);
  return found;
}

function runNode(
  { values }: Graph,
  node: Node,
  found: Map<ValueId, Numbers>,
  sizes: Sizes,
  states: Map<string, Numbers>,
): void {
  const { inPlace, lower } = opNamed(node.op);
  for (const [i, id] of node.outputs.entries()) {
    const taken = i === 0 && inPlace !== undefined ? node.inputs[inPlace] : null;
    found.set(id, taken === null ? fresh(values[id], sizes) : found.get(taken)!.slice());
  }
  const own: Numbers[] = [];
  const operand = (memory: Numbers): number => -1 - own.push(memory);
  const lowering: Lowering = {
    target: { states: 'whole' },
    typeOf: (id): Type => values[id],
    tensorOf: () => undefined,
    scratch: (type, shape) => operand(fresh({ type, shape }, sizes)),
    state: (name, type, shape) => {
      if (!states.has(name)) states.set(name, fresh({ type, shape }, sizes));
      return operand(states.get(name)!);
    },
    tile: () => {
      throw new RangeError('whole sequences need no tiles');
    },
    alias: () => {
      throw new RangeError('whole sequences need no memory of others');
    },
  };
  for (const call of lower(node, lowering)) {
    const views = call.operands.map((at) => (at === -1 ? undefined : at < 0 ? own[-2 - at] : found.get(at)));
    const named = Object.fromEntries(Object.entries(call.sizes).map(([name, size]) => [name, sizeOf(size, sizes)]));
    const bound = { kernels, views: views as unknown as View[], sizes: named, attributes: call.attributes };
    (call.kernel === 'gatherRows' ? gatherRows : bindings[call.kernel])(bound)(sizes);
  }
}

/** The device's reads blocks; this one reads float64. */
function gatherRows({ views }: Bound): () => void {
  const [ids, w, y] = views as unknown as Numbers[];
  const columns = ids.length === 0 ? 0 : y.length / ids.length;
  return () => {
    for (let at = 0; at < y.length; at++) y[at] = w[ids[Math.floor(at / columns)] * columns + (at % columns)];
  };
}

function fresh({ type, shape }: Type, sizes: Sizes): Numbers {
  return arrayOf(type, countOf(shape, sizes));
}

/** Memory of a type, float32 as float64. */
export function arrayOf(type: DataType, length: number): Numbers {
  if (type === 'i32') return new Int32Array(length);
  return type === 'u8' ? new Uint8Array(length) : new Float64Array(length);
}

/** A graph of one node, its inputs in order. */
export function graphOf(op: string, types: readonly (Type | null)[], attributes: Node['attributes']) {
  const build = new GraphBuilder();
  const inputs = types.map((type, i) => (type === null ? null : build.input(`input ${i}`, type.type, type.shape)));
  const outputs = build.nodes(op, inputs, attributes);
  return { graph: build.finish(outputs), inputs };
}
