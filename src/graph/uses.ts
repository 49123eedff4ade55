import { producers } from './build.ts';
import { opNamed } from './ops/index.ts';
import type { Graph, ValueId, WeightUse } from './types.ts';

/** A weight at work in a node. */
export interface Use {
  readonly tensor: string;
  readonly kind: WeightUse;
  /** Index of the node. */
  readonly node: number;
  /** What the weight works on: rows, or ids. */
  readonly input: ValueId;
  readonly weight: ValueId;
  readonly output: ValueId;
}

/** Every use of every weight that an op multiplies with or looks up, in the order of nodes. */
export function usesOf({ values, nodes }: Graph): Use[] {
  return nodes.flatMap(({ op, inputs, outputs }, node): Use[] => {
    const used = opNamed(op).weight;
    const weight = used === undefined ? null : inputs[used.input];
    if (used === undefined || weight === null) return [];
    const value = values[weight];
    if (value.source !== 'weight') return [];
    return [{ tensor: value.tensor, kind: used.use, node, input: inputs[0]!, weight, output: outputs[0] }];
  });
}

/** The gain of the norm whose outputs a use reads; undefined where it reads something else. */
export function normBefore(graph: Graph, { input }: Use): string | undefined {
  const producer = producers(graph);
  const made = graph.nodes[producer[input]];
  // Rows on the way to experts are copies.
  const node = made?.op === 'gatherSlots' ? graph.nodes[producer[made.inputs[0]!]] : made;
  if (node?.op !== 'rmsNorm') return undefined;
  const gain = graph.values[node.inputs[1]!];
  return gain.source === 'weight' ? gain.tensor : undefined;
}

/** Tensors that work on the same rows in the same way: what runtimes fuse. Groups of one are left out. */
export function fusedGroups(graph: Graph): string[][] {
  const linear = usesOf(graph).filter(({ kind }) => kind !== 'lookup');
  return [...Map.groupBy(linear, ({ input }) => input).values()]
    .map((uses) => uses.map(({ tensor }) => tensor))
    .filter((tensors) => tensors.length > 1);
}

/** How rows came to the experts of a grouped use. */
export interface Dispatch {
  /** Where each expert's rows begin, int32 [experts + 1]; slots in the order of rows, int32. */
  readonly offsets: ValueId;
  readonly slots: ValueId;
  /** What the router says of every slot, float32 by slot; undefined where every token gets all: heads. */
  readonly weights?: ValueId;
  readonly experts: number;
  /** Slots of a token. */
  readonly used: number;
}

/** @throws RangeError for a use that is not one of experts */
export function dispatchOf({ values, nodes }: Graph, { node }: Use): Dispatch {
  const offsets = nodes[node].inputs[2];
  const heads = nodes.find(({ op, outputs }) => op === 'headRows' && outputs[2] === offsets);
  const dispatch = nodes.find(({ op, outputs }) => op === 'dispatch' && outputs[1] === offsets);
  if ((heads ?? dispatch) === undefined || offsets === null)
    throw new RangeError(`node ${node} does not work on rows of experts`);
  const experts = (values[offsets].shape[0] as number) - 1;
  if (heads !== undefined) return { offsets, slots: heads.outputs[1], experts, used: experts };
  const [slots] = dispatch!.outputs;
  const gather = nodes.find(({ op, inputs }) => op === 'gatherSlots' && inputs[1] === slots);
  // The router's, or what was made of it (slots.ts).
  const routed = nodes.find(({ outputs }) => outputs[0] === dispatch!.inputs[0] && outputs.length === 2);
  if (gather === undefined || routed === undefined)
    throw new RangeError(`node ${node} does not work on rows that a router dealt`);
  return { offsets, slots, weights: routed.outputs[1], experts, used: gather.attributes['k'] as number };
}

const multiplied = new WeakMap<Graph, ReadonlySet<string>>();

/** Tensors that every token is multiplied with; of others, rows are looked up. Asked for often, so remembered. */
export function multipliedTensors(graph: Graph): ReadonlySet<string> {
  const known = multiplied.get(graph);
  if (known !== undefined) return known;
  const found = new Set(usesOf(graph).flatMap(({ kind, tensor }) => (kind === 'lookup' ? [] : [tensor])));
  multiplied.set(graph, found);
  return found;
}

/** Slots that a token takes of each tensor of stacked matrices. */
export function usedSlots(graph: Graph): ReadonlyMap<string, number> {
  const grouped = usesOf(graph).filter(({ kind }) => kind === 'grouped');
  return new Map(grouped.map((use) => [use.tensor, dispatchOf(graph, use).used]));
}
