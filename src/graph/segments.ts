import { consumers, producers } from './build.ts';
import type { Graph, Value, ValueId } from './types.ts';

/** Segments of a graph: what stands between two cuts. */
export function segmentCount({ cuts }: Graph): number {
  return cuts.length + 1;
}

/** First node of a segment, and the one behind its last. */
function range({ cuts, nodes }: Graph, from: number, to: number): [number, number] {
  return [from === 0 ? 0 : cuts[from - 1], to === cuts.length + 1 ? nodes.length : cuts[to - 1]];
}

/**
 * Segments [from, to) as a graph of their own, ids unchanged: what earlier nodes make is an input named after its id,
 * what later nodes read is an output.
 */
export function segment(graph: Graph, from: number, to: number): Graph {
  const [first, last] = range(graph, from, to);
  const producer = producers(graph);
  const readers = consumers(graph);
  const values = graph.values.map((value, id): Value => {
    if (producer[id] === -1 || producer[id] >= first) return value;
    return { source: 'input', name: boundaryName(id), type: value.type, shape: value.shape };
  });
  const outputs = [...graph.values.keys()].filter((id) => {
    if (producer[id] < first || producer[id] >= last) return false;
    return graph.outputs.includes(id) || readers[id].some(({ node }) => node >= last);
  });
  const cuts = graph.cuts.filter((cut) => cut > first && cut < last).map((cut) => cut - first);
  return { values, nodes: graph.nodes.slice(first, last), outputs, cuts };
}

/** Name of the input that a value of an earlier segment is. */
export function boundaryName(id: ValueId): string {
  return `value ${id}`;
}

/** Values of earlier segments that a graph reads, ascending. */
export function boundaryInputs(graph: Graph): ValueId[] {
  return inputsOf(graph).filter((id) => {
    const value = graph.values[id];
    return value.source === 'input' && value.name === boundaryName(id);
  });
}

/** Inputs that nodes of a graph read, or that are its outputs, ascending. */
export function inputsOf({ values, nodes, outputs }: Graph): ValueId[] {
  const read = new Set([...nodes.flatMap(({ inputs }) => inputs), ...outputs]);
  return [...values.keys()].filter((id) => values[id].source === 'input' && read.has(id));
}

/** The value that is an input of this name; undefined where no node reads it. */
export function inputNamed(graph: Graph, name: string): ValueId | undefined {
  return inputsOf(graph).find((id) => (graph.values[id] as { name: string }).name === name);
}

/** Names of the weights that nodes of a graph read, in order of their first use. */
export function weightsOf({ values, nodes }: Graph): string[] {
  const names = new Set<string>();
  for (const { inputs } of nodes)
    for (const id of inputs) {
      const value = id === null ? undefined : values[id];
      if (value?.source === 'weight') names.add(value.tensor);
    }
  return [...names];
}

/** The segment that a node stands in. */
export function segmentOf({ cuts }: Graph, node: number): number {
  const next = cuts.findIndex((cut) => cut > node);
  return next === -1 ? cuts.length : next;
}

/** First segment that reads the input of this name; the number of segments where none does. */
export function segmentReading(graph: Graph, name: string): number {
  const id = graph.values.findIndex((value) => value.source === 'input' && value.name === name);
  return id === -1 ? segmentCount(graph) : firstReader(graph, id);
}

/** First segment that reads a value; the number of segments where none does. */
export function firstReader(graph: Graph, value: ValueId): number {
  const [first] = consumers(graph)[value];
  return first === undefined ? segmentCount(graph) : segmentOf(graph, first.node);
}

/** Last segment that reads a value; −1 where none does. */
export function lastReader(graph: Graph, value: ValueId): number {
  const last = consumers(graph)[value].at(-1);
  return last === undefined ? -1 : segmentOf(graph, last.node);
}
