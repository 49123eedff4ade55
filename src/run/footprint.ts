import { aligned, schedule } from '../graph/schedule.ts';
import { weightsOf } from '../graph/segments.ts';
import type { Graph, Target, ValueId } from '../graph/types.ts';
import { bytesOfType, countOf, type Program, type Sizes } from '../kernels/program.ts';
import type { ModelTensor, Network } from '../model/types.ts';
import { format, rowBytes } from '../numeric/table.ts';
import { lookedUpBy, tableIds } from './lookups.ts';
import { constantKey, rowsAtOnce } from './memory.ts';
import { tensorOf } from './program.ts';
import { largest, type SequenceRange } from './segments.ts';
import { type Sequences, sizesOf } from './sequences.ts';

/** Most bytes beside its operands that one call of a program takes at some sizes: devices know, see `kernels/wasm/scratch`. */
export type Scratch = (program: Program, sizes: Sizes) => number;

export interface FootprintOptions {
  readonly target: Target;
  /** Largest value of every symbol. */
  readonly capacities: Sizes;
  readonly kept?: readonly ValueId[];
  /** Inputs that lie in other programs' memory already. */
  readonly lent?: readonly ValueId[];
}

/** A program whose memory is counted. */
export interface CountedProgram {
  run(sizes: Sizes): void;
  close(): void;
}

/**
 * The books of a device's memory, without the memory: what schedules, weights, constants, states and the largest call take,
 * in the order in which they would be taken and given back. Names are those of `SharedMemory`.
 */
export class Footprint {
  readonly #scratch: Scratch;
  readonly #held = new Map<string, number>();
  #programs = 0;
  #used = 0;
  #peak = 0;

  constructor(scratch: Scratch) {
    this.#scratch = scratch;
  }

  /** Bytes at the highest so far. */
  get peak(): number {
    return this.#peak;
  }

  /** Memory that stays until it is dropped; taken once under a name. */
  hold(name: string, bytes: number): void {
    if (this.#held.has(name)) return;
    this.#held.set(name, aligned(bytes));
    this.#used += aligned(bytes);
    this.touch();
  }

  drop(...names: readonly string[]): void {
    for (const name of names) {
      this.#used -= this.#held.get(name) ?? 0;
      this.#held.delete(name);
    }
  }

  /** As closing a `SharedMemory` does. */
  dropConstants(): void {
    this.drop(...[...this.#held.keys()].filter((name) => name.startsWith(CONSTANT)));
  }

  /** Arrays that are there together for a moment. */
  touch(...bytes: readonly number[]): void {
    this.#peak = Math.max(
      this.#peak,
      bytes.reduce((sum, each) => sum + aligned(each), this.#used),
    );
  }

  /** A tensor as `SharedMemory.load` takes it: its blocks, or its values, which are decoded from copies of blocks. */
  load(tensor: ModelTensor, packed = false): void {
    const [rows, columns = 1] = tensor.shape;
    this.hold(weightName(tensor.name), packed ? blockBytes(tensor, rows) : 4 * rows * columns);
    if (!packed) this.touchBlocks(tensor, rows);
  }

  /** Copies of blocks while so many rows of a tensor are decoded, some at a time. */
  touchBlocks(tensor: ModelTensor, rows: number): void {
    const { shape, loadBlocks } = tensor;
    if (loadBlocks !== undefined) this.touch(blockBytes(tensor, Math.min(rows, rowsAtOnce(shape[1] ?? 1))));
  }

  /** The weights of a segment, as `loadSegment` takes them. → names to drop */
  loadSegment(model: Network, part: Graph, sequences: Sequences): string[] {
    const names = weightsOf(part);
    for (const name of names) {
      const tensor = tensorOf(model, name);
      const input = lookedUpBy(part, name);
      if (input === undefined) this.load(tensor);
      else this.hold(weightName(name), 4 * tableIds(sequences, input).length * tensor.shape[1]);
    }
    return names.map(weightName);
  }

  /** A program: its constants and states, which stay, and its arena, which does not. */
  open(graph: Graph, { target, capacities, kept, lent = [] }: FootprintOptions): CountedProgram {
    const { program } = schedule(graph, target, capacities, kept, lent);
    for (const place of program.places) {
      if (place.kind !== 'state') continue;
      const value = /^value (\d+)$/.exec(place.name);
      const found = value === null ? undefined : graph.values[Number(value[1])];
      const bytes = bytesOfType[place.type] * countOf(place.shape, capacities);
      if (found === undefined) this.hold(stateName(place.name), bytes);
      else if (found.source === 'constant')
        this.hold(`${CONSTANT}${constantKey(found.recipe, found.shape, capacities)}`, bytes);
    }
    const arena = `arena ${this.#programs++}`;
    this.hold(arena, program.arenaBytes);
    return {
      run: (sizes) => {
        const bytes = this.#scratch(program, sizes);
        if (bytes > 0) this.touch(bytes);
      },
      close: () => this.drop(arena),
    };
  }

  /** A segment's program at work on batches of whole sequences. */
  openSegment(part: Graph, target: Target, sequences: Sequences, batches: readonly SequenceRange[]): CountedProgram {
    const capacities = { ...sizesOf(sequences, largest(batches)), context: sequences.length };
    const program = this.open(part, { target, capacities });
    for (const count of new Set(batches.map(({ order }) => order.length))) program.run(sizesOf(sequences, count));
    return program;
  }
}

const CONSTANT = 'constant ';

function blockBytes({ format: name, shape: [, columns = 1] }: ModelTensor, rows: number): number {
  return rows * rowBytes(format(name), columns);
}

export const weightName = (tensor: string): string => `weight ${tensor}`;
export const stateName = (state: string): string => `state ${state}`;
