import { bytesOfType, type Call, countOf, type Place, type Program, type Sizes } from '../kernels/program.ts';
import { producers } from './build.ts';
import { opNamed } from './ops/index.ts';
import type { DataType, Graph, Lowering, Shape, Target, Type, ValueId } from './types.ts';

/** Places begin at multiples of this many bytes. */
const ALIGNMENT = 64;

/** A program, which is plain data, and where a graph's values are in it. */
export interface Schedule {
  readonly program: Program;
  /** Operand of a value of the graph; undefined for one that no node of the graph reads or makes. */
  operandOf(value: ValueId): number | undefined;
}

/**
 * Lowers a graph to calls and gives every value a place: values whose lifetimes do not meet share memory.
 * @param capacities largest value of every symbol
 * @param kept values that must be there when all calls are done, besides the outputs
 * @param lent inputs that lie in memory of others, as states named after their ids
 */
export function schedule(
  graph: Graph,
  target: Target,
  capacities: Sizes,
  kept: readonly ValueId[] = [],
  lent: readonly ValueId[] = [],
): Schedule {
  const lowered = new Lowerer(graph, target, [...graph.outputs, ...kept], lent).run();
  const { offsets, bytes } = layOut(lowered.blocks, capacities);
  const places = lowered.operands.map((operand): Place => {
    if (operand.kind !== 'arena') return operand;
    return { ...operand, offset: offsets[operand.block] };
  });
  return {
    program: { places, calls: lowered.calls, capacities, arenaBytes: bytes },
    operandOf: (value) => (lowered.operandOf[value] === -1 ? undefined : lowered.operandOf[value]),
  };
}

/** Memory that one or several operands share, with the nodes between which it is needed. */
interface Block {
  readonly type: DataType;
  readonly shape: Shape;
  readonly from: number;
  to: number;
}

type Operand =
  | { readonly kind: 'arena'; readonly type: DataType; readonly shape: Shape; readonly block: number }
  | Exclude<Place, { kind: 'arena' }>;

class Lowerer {
  readonly #graph: Graph;
  readonly #target: Target;
  readonly #producer: Int32Array;
  /** Last node that reads a value; the number of nodes for those that are kept. */
  readonly #lastRead: Int32Array;
  readonly #states = new Map<string, number>();
  /** Last reads of the tiles of a name. */
  readonly #tiles = new Map<string, number[]>();
  readonly #lent: ReadonlySet<ValueId>;
  readonly operands: Operand[] = [];
  readonly blocks: Block[] = [];
  readonly calls: Call[] = [];
  readonly operandOf: Int32Array;

  constructor(graph: Graph, target: Target, kept: readonly ValueId[], lent: readonly ValueId[]) {
    this.#lent = new Set(lent);
    this.#graph = graph;
    this.#target = target;
    this.#producer = producers(graph);
    this.operandOf = new Int32Array(graph.values.length).fill(-1);
    this.#lastRead = new Int32Array(graph.values.length).fill(-1);
    for (const [index, { inputs }] of graph.nodes.entries())
      for (const id of inputs) if (id !== null) this.#lastRead[id] = index;
    for (const id of kept) this.#lastRead[id] = graph.nodes.length;
  }

  run(): this {
    const { values, nodes } = this.#graph;
    for (const [id, value] of values.entries())
      if (this.#lastRead[id] >= 0 && this.#producer[id] === -1) this.operandOf[id] = this.#outside(id, value);
    for (const [index, node] of nodes.entries()) {
      const op = opNamed(node.op);
      const taken = op.inPlace === undefined ? null : node.inputs[op.inPlace];
      const aliases = new Map<ValueId, number>();
      // Operands of the calls are ids of values until the outputs have places; others are told apart by their sign.
      const own: number[] = [];
      const calls = op.lower(node, this.#lowering(index, aliases, own));
      for (const [i, output] of node.outputs.entries()) {
        const alias = aliases.get(output);
        if (alias !== undefined) this.operandOf[output] = own[-2 - alias];
        else if (i === 0 && taken !== null) this.operandOf[output] = this.#takeOver(taken, output, index);
        else this.operandOf[output] = this.#fresh(values[output], index, this.#lastRead[output]);
      }
      const placed = (operand: number): number => {
        if (operand >= 0) return this.operandOf[operand];
        return operand === -1 ? -1 : own[-2 - operand];
      };
      for (const call of calls) this.calls.push({ ...call, operands: call.operands.map(placed) });
    }
    return this;
  }

  #lowering(index: number, aliases: Map<ValueId, number>, own: number[]): Lowering {
    const { values } = this.#graph;
    const told = (operand: number): number => -2 - (own.push(operand) - 1);
    return {
      target: this.#target,
      typeOf: (id): Type => values[id],
      tensorOf: (id) => {
        const value = values[id];
        return value.source === 'weight' ? value.tensor : undefined;
      },
      scratch: (type, shape) => told(this.#fresh({ type, shape }, index, index)),
      state: (name, type, shape) => told(this.#state(name, type, shape)),
      tile: (name, type, shape, output) => told(this.#state(this.#freeTile(name, index, output), type, shape)),
      alias: (output, operand) => void aliases.set(output, operand),
    };
  }

  #outside(id: ValueId, value: Graph['values'][number]): number {
    const { type, shape } = value;
    switch (value.source) {
      case 'weight':
        return this.#push({
          kind: 'weight',
          tensor: value.tensor,
          format: this.#target.packed?.(value.tensor),
          shape: shape as readonly number[],
        });
      case 'constant':
        return this.#push({ kind: 'state', name: `value ${id}`, type, shape });
      default:
        if (this.#lent.has(id)) return this.#push({ kind: 'state', name: `value ${id}`, type, shape });
        return this.#fresh(value, -1, this.#lastRead[id]);
    }
  }

  #fresh({ type, shape }: Type, from: number, to: number): number {
    const block = this.blocks.push({ type, shape, from, to: Math.max(from, to) }) - 1;
    return this.#push({ kind: 'arena', type, shape, block });
  }

  /**
   * The output in its input's memory; in a copy of it where the input is still needed (later, or by the node itself as
   * another of its inputs) or not ours to change.
   */
  #takeOver(input: ValueId, output: ValueId, index: number): number {
    const operand = this.operands[this.operandOf[input]];
    const once = this.#graph.nodes[index].inputs.filter((id) => id === input).length === 1;
    if (
      once &&
      operand.kind === 'arena' &&
      this.#lastRead[input] === index &&
      this.blocks[operand.block].to === index
    ) {
      this.blocks[operand.block].to = Math.max(index, this.#lastRead[output]);
      return this.operandOf[input];
    }
    const copy = this.#fresh(this.#graph.values[output], index, this.#lastRead[output]);
    this.calls.push({ kernel: 'copy', operands: [this.operandOf[input], copy], sizes: {}, attributes: {} });
    return copy;
  }

  /** Name of the first tile that nothing reads any more. */
  #freeTile(name: string, index: number, output: ValueId): string {
    const busyUntil = this.#tiles.get(name) ?? [];
    this.#tiles.set(name, busyUntil);
    const free = busyUntil.findIndex((last) => last < index);
    const tile = free === -1 ? busyUntil.length : free;
    busyUntil[tile] = this.#lastRead[output];
    return tile === 0 ? name : `${name}, ${tile + 1}`;
  }

  #state(name: string, type: DataType, shape: Shape): number {
    const found = this.#states.get(name) ?? this.#push({ kind: 'state', name, type, shape });
    this.#states.set(name, found);
    return found;
  }

  #push(operand: Operand): number {
    return this.operands.push(operand) - 1;
  }
}

/**
 * Offsets of blocks in one arena: the largest first, each at the lowest place that is free during its whole life.
 * @see Pisarchyk and Lee, "Efficient memory management for deep neural net inference" (2020), greedy by size
 */
function layOut(blocks: readonly Block[], capacities: Sizes): { offsets: number[]; bytes: number } {
  const sizes = blocks.map(({ type, shape }) => aligned(bytesOfType[type] * countOf(shape, capacities)));
  const order = Array.from(blocks.keys()).sort((a, b) => sizes[b] - sizes[a] || blocks[a].from - blocks[b].from);
  const offsets = new Array<number>(blocks.length).fill(0);
  const placed: number[] = [];
  let bytes = 0;
  for (const block of order) {
    const { from, to } = blocks[block];
    let offset = 0;
    // `placed` is sorted by offset, so that gaps are found in one pass.
    for (const other of placed) {
      if (blocks[other].from > to || blocks[other].to < from) continue;
      if (offset + sizes[block] <= offsets[other]) break;
      offset = Math.max(offset, offsets[other] + sizes[other]);
    }
    offsets[block] = offset;
    bytes = Math.max(bytes, offset + sizes[block]);
    placed.splice(insertion(placed, offsets, offset), 0, block);
  }
  return { offsets, bytes };
}

function insertion(placed: readonly number[], offsets: readonly number[], offset: number): number {
  let [low, high] = [0, placed.length];
  while (low < high) {
    const middle = (low + high) >> 1;
    if (offsets[placed[middle]] <= offset) low = middle + 1;
    else high = middle;
  }
  return low;
}

/** Bytes that memory takes in an arena. */
export function aligned(bytes: number): number {
  return Math.max(1, Math.ceil(bytes / ALIGNMENT)) * ALIGNMENT;
}
