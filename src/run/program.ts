import { type Schedule, schedule } from '../graph/schedule.ts';
import { inputsOf, weightsOf } from '../graph/segments.ts';
import type { Graph, Target, ValueId } from '../graph/types.ts';
import type { Buffer, Device, Executable, Slot } from '../kernels/device.ts';
import { bytesOfType, countOf, type Sizes } from '../kernels/program.ts';
import type { ModelTensor, Network } from '../model/types.ts';
import type { SharedMemory } from './memory.ts';

export interface ProgramOptions {
  readonly target: Target;
  /** Largest value of every symbol. */
  readonly capacities: Sizes;
  /** Values that are read besides the outputs. */
  readonly kept?: readonly ValueId[];
  /** Inputs that lie in other programs' memory already. */
  readonly lent?: ReadonlyMap<ValueId, Slot>;
}

/** Schedules made for a target: a prompt's program is opened again for every prompt. */
const made = new WeakMap<Target, WeakMap<Graph, Map<string, Schedule>>>();

function scheduled(
  graph: Graph,
  target: Target,
  capacities: Sizes,
  kept?: readonly ValueId[],
  lent?: readonly ValueId[],
): Schedule {
  const byGraph = made.get(target) ?? new WeakMap<Graph, Map<string, Schedule>>();
  made.set(target, byGraph);
  const known = byGraph.get(graph) ?? new Map<string, Schedule>();
  byGraph.set(graph, known);
  const key = JSON.stringify([capacities, kept ?? [], lent ?? []]);
  const found = known.get(key) ?? schedule(graph, target, capacities, kept, lent);
  known.set(key, found);
  return found;
}

/** A graph on a device: its schedule, its arena, and the shared memory that it reads. */
export class RunningProgram {
  readonly graph: Graph;
  readonly #device: Device;
  readonly #schedule: Schedule;
  readonly #arena: Buffer;
  readonly #slots: readonly Slot[];
  readonly #executable: Executable;
  /** Inputs by name: they are written token by token. */
  readonly #inputs: ReadonlyMap<string, ValueId>;

  /** Weights must be loaded; constants and states are made where they are not there yet. */
  constructor(memory: SharedMemory, graph: Graph, { target, capacities, kept, lent = new Map() }: ProgramOptions) {
    this.graph = graph;
    this.#inputs = new Map(inputsOf(graph).map((id) => [(graph.values[id] as { name: string }).name, id]));
    this.#device = memory.device;
    this.#schedule = scheduled(graph, target, capacities, kept, [...lent.keys()]);
    const { program } = this.#schedule;
    const given = constantSlots(memory, graph, this.#schedule);
    for (const [value, slot] of lent) given.set(this.#schedule.operandOf(value)!, slot);
    this.#arena = memory.device.allocate(program.arenaBytes);
    this.#slots = program.places.map((place, i): Slot => {
      if (place.kind === 'arena') return { buffer: this.#arena, offset: place.offset };
      if (place.kind === 'weight') return { buffer: memory.weight(place.tensor) };
      const bytes = bytesOfType[place.type] * countOf(place.shape, capacities);
      return given.get(i) ?? { buffer: memory.state(place.name, bytes) };
    });
    this.#executable = memory.device.load(program, this.#slots);
  }

  /** @param value an id, or the name of an input */
  write(value: ValueId | string, values: ArrayBufferView): void {
    this.#device.write(this.slot(value), values);
  }

  /** Fills `into` from the beginning of a value. */
  async read(value: ValueId, into: ArrayBufferView): Promise<void> {
    await this.#device.read(this.slot(value), into);
  }

  /** All inputs must have been written since the last run: their memory is used again once they have been read. */
  run(sizes: Sizes): void {
    this.#executable.run(sizes);
  }

  /** Memory of a value. @throws RangeError for one that no node reads or makes */
  slot(value: ValueId | string): Slot {
    const id = typeof value === 'string' ? this.#inputs.get(value) : value;
    const operand = id === undefined ? undefined : this.#schedule.operandOf(id);
    if (operand === undefined) throw new RangeError(`value ${value} is not in this program`);
    return this.#slots[operand];
  }

  close(): void {
    this.#device.free(this.#arena);
  }
}

function constantSlots(memory: SharedMemory, { values }: Graph, { operandOf, program }: Schedule): Map<number, Slot> {
  const slots = new Map<number, Slot>();
  for (const [id, value] of values.entries()) {
    if (value.source !== 'constant') continue;
    const operand = operandOf(id);
    if (operand !== undefined)
      slots.set(operand, { buffer: memory.constant(value.recipe, value.shape, program.capacities) });
  }
  return slots;
}

/** Loads the weights that a graph reads. @throws FormatError for one that the model lacks */
export async function loadWeights(memory: SharedMemory, model: Network, graph: Graph, target: Target): Promise<void> {
  for (const name of weightsOf(graph)) await memory.load(tensorOf(model, name), target.packed?.(name) !== undefined);
}

/** @throws RangeError for a tensor that is not in the model */
export function tensorOf(model: Network, name: string): ModelTensor {
  const tensor = model.tensors.get(name);
  if (!tensor) throw new RangeError(`${name} is not in the model`);
  return tensor;
}
