import { checkpoint, type WorkOptions } from '../core/progress.ts';
import { schedule } from '../graph/schedule.ts';
import { inputsOf, segment, segmentCount } from '../graph/segments.ts';
import type { Graph, Target, ValueId } from '../graph/types.ts';
import type { Device } from '../kernels/device.ts';
import type { Network } from '../model/types.ts';
import type { BoundaryShape, BoundaryStore } from './boundaries.ts';
import { type LookupTables, loadSegment } from './lookups.ts';
import { SharedMemory } from './memory.ts';
import { RunningProgram } from './program.ts';
import { numbersPerSequence, type Sequences, sizesOf } from './sequences.ts';

/** Bytes of one batch's values, unless a single sequence needs more. */
const BATCH_BYTES = 2 ** 27;

/** Sequences that run together, and where they stand among all. */
export interface SequenceRange {
  /** Numbers of the sequences. */
  readonly order: readonly number[];
  /** Sequences before them in the boundary store. */
  readonly start: number;
}

/** A network at work on whole sequences, segment by segment: only one segment's weights are in memory at a time. */
export class SegmentedRun {
  readonly device: Device;
  readonly model: Network;
  readonly graph: Graph;
  readonly sequences: Sequences;
  readonly target: Target;
  /** Constants stay, weights come and go. */
  readonly memory: SharedMemory;

  /** @param graph the model's, with outputs for every row (`allRows`) */
  constructor(device: Device, model: Network, graph: Graph, sequences: Sequences, target: Target) {
    this.device = device;
    this.model = model;
    this.graph = graph;
    this.sequences = sequences;
    this.target = target;
    this.memory = new SharedMemory(device);
  }

  /**
   * Runs segments [from, to) over all sequences: reads what they need from the store, and writes what later ones read.
   * @param batches default: as many sequences together as fit
   */
  async forward(
    from: number,
    to: number,
    boundaries: BoundaryStore,
    options: WorkOptions & {
      readonly batches?: readonly SequenceRange[];
      readonly report?: (segment: number, batch: SequenceRange) => Promise<void>;
    } = {},
  ): Promise<void> {
    for (let index = from; index < to; index++) {
      const part = segment(this.graph, index, index + 1);
      const tables = await loadSegment(this, part);
      try {
        await this.#forwardSegment(
          part,
          tables,
          boundaries,
          options.batches ?? batchesOf(part, this.target, this.sequences),
          async (batch) => {
            await (options.report?.(index, batch) ?? checkpoint(options.signal));
          },
        );
      } finally {
        this.memory.drop(...tables.loaded);
      }
      options.onProgress?.({ stage: 'running', done: index + 1 - from, total: to - from, unit: 'blocks' });
    }
  }

  async #forwardSegment(
    part: Graph,
    tables: LookupTables,
    boundaries: BoundaryStore,
    batches: readonly SequenceRange[],
    done: (batch: SequenceRange) => Promise<void>,
  ): Promise<void> {
    const program = this.open(part, batches);
    try {
      for (const batch of batches) {
        this.feed(program, batch, boundaries, tables);
        program.run(sizesOf(this.sequences, batch.order.length));
        for (const value of part.outputs) await this.keep(program, value, batch, boundaries);
        await done(batch);
      }
    } finally {
      program.close();
    }
  }

  /** A program for the largest of some batches. */
  open(part: Graph, batches: readonly SequenceRange[], kept?: readonly ValueId[]): RunningProgram {
    const capacities = { ...sizesOf(this.sequences, largest(batches)), context: this.sequences.length };
    return new RunningProgram(this.memory, part, { target: this.target, capacities, kept });
  }

  /** Writes a program's inputs: the network's own, and those that earlier segments made. */
  feed(program: RunningProgram, batch: SequenceRange, boundaries: BoundaryStore, tables: LookupTables): void {
    for (const id of inputsOf(program.graph)) {
      const value = program.graph.values[id];
      if (value.source !== 'input') continue;
      if (this.graph.values[id]?.source === 'node') {
        program.write(id, this.boundary(boundaries, id, batch));
      } else if (this.graph.values[id] !== undefined) {
        program.write(id, tables.places(value.name, this.sequences.input(value.name, batch.order)));
      }
    }
  }

  /** A boundary value of a batch. */
  boundary(boundaries: BoundaryStore, value: ValueId, batch: SequenceRange): Float32Array {
    const each = numbersPerSequence(this.graph, value, this.sequences);
    const numbers = new Float32Array(batch.order.length * each);
    boundaries.read(value, batch.start * each, numbers);
    return numbers;
  }

  /** Copies a value of a batch into the store. */
  async keep(
    program: RunningProgram,
    value: ValueId,
    batch: SequenceRange,
    boundaries: BoundaryStore,
    as = value,
  ): Promise<void> {
    const each = numbersPerSequence(this.graph, as, this.sequences);
    const numbers = new Float32Array(batch.order.length * each);
    await program.read(value, numbers);
    boundaries.write(as, batch.start * each, numbers);
  }

  /** Numbers of every value that crosses a cut. */
  boundaryShape(): Map<ValueId, number> {
    const shape = new Map<ValueId, number>();
    for (let index = 0; index < segmentCount(this.graph); index++)
      for (const value of segment(this.graph, index, index + 1).outputs)
        shape.set(value, this.sequences.sequences * numbersPerSequence(this.graph, value, this.sequences));
    return shape satisfies BoundaryShape;
  }

  close(): void {
    this.memory.close();
  }
}

/** Sequences of the largest batch. */
export function largest(batches: readonly SequenceRange[]): number {
  return Math.max(...batches.map(({ order }) => order.length));
}

/** All sequences in order, as many together as fit. */
export function batchesOf(part: Graph, target: Target, all: Sequences): SequenceRange[] {
  const { sequences } = all;
  const capacities = { ...sizesOf(all, 1), context: all.length };
  const bytes = schedule(part, target, capacities).program.arenaBytes;
  const step = Math.min(sequences, Math.max(1, Math.floor(BATCH_BYTES / bytes)));
  return Array.from({ length: Math.ceil(sequences / step) }, (_, i) => {
    const start = i * step;
    const count = Math.min(step, sequences - start);
    return { start, order: Array.from({ length: count }, (__, s) => start + s) };
  });
}
