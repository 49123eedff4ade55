import { checkpoint, type WorkOptions } from '../core/progress.ts';
import { GraphBuilder } from '../graph/build.ts';
import { pruned } from '../graph/differentiate.ts';
import { allRows } from '../graph/rewrite.ts';
import { boundaryInputs, lastReader, segment, segmentCount } from '../graph/segments.ts';
import type { Graph, ValueId } from '../graph/types.ts';
import { type Dispatch, dispatchOf, type Use, usesOf } from '../graph/uses.ts';
import type { Kernels } from '../kernels/contract.ts';
import { isMatrix } from '../model/matrices.ts';
import type { Network } from '../model/types.ts';
import { type BoundaryShape, type BoundaryStore, memoryBoundaries } from '../run/boundaries.ts';
import { loadSegment } from '../run/lookups.ts';
import { type RunningProgram, tensorOf } from '../run/program.ts';
import { batchesOf, SegmentedRun, type SequenceRange } from '../run/segments.ts';
import { type Sequences, sizesOf } from '../run/sequences.ts';
import { expertName } from './experts.ts';

/** Mean x² of every input column of a matrix, as an importance matrix has it, by the name of its measurement. */
export type Importance = ReadonlyMap<string, Float32Array>;

export interface ImportanceOptions extends WorkOptions {
  /** Keeps values between segments, default in memory. */
  readonly boundaries?: (shape: BoundaryShape) => BoundaryStore;
}

/**
 * Mean squares of the inputs of every matrix, of stacked ones each: one pass forwards, without labels, gradients or the
 * output's products. Matrices that are only looked up have none.
 */
export async function measureImportance(
  kernels: Kernels,
  network: Network,
  sequences: Sequences,
  options: ImportanceOptions = {},
): Promise<Importance> {
  const graph = allRows(network.graph);
  const run = new SegmentedRun(kernels.device, network, graph, sequences, { states: 'whole' });
  const boundaries = (options.boundaries ?? memoryBoundaries)(run.boundaryShape());
  const sums = new Map<string, ColumnSums>();
  const total = segmentCount(graph);
  try {
    for (let index = 0; index < total; index++) {
      const part = segment(graph, index, index + 1);
      await new ImportancePass(run, kernels, part, sums).over(boundaries, index === total - 1, options.signal);
      for (const value of boundaryInputs(part)) if (lastReader(graph, value) === index) boundaries.drop(value);
      options.onProgress?.({ stage: 'measuring', done: index + 1, total, unit: 'blocks' });
    }
  } finally {
    boundaries.close();
    run.close();
  }
  return new Map([...sums].map(([name, { energy, rows }]) => [name, energyMeans(energy, rows)]));
}

/** Σ x² of the columns, over so many rows. */
interface ColumnSums {
  readonly energy: Float64Array;
  rows: number;
}

/** Stacked matrices, whose rows stand in the order of experts. */
interface GroupedUse extends Dispatch {
  readonly use: Use;
  readonly columns: number;
}

/** One segment of the pass. */
class ImportancePass {
  readonly #run: SegmentedRun;
  readonly #kernels: Kernels;
  readonly #part: Graph;
  readonly #sums: Map<string, ColumnSums>;
  readonly #linear: readonly Use[];
  readonly #grouped: readonly GroupedUse[];

  /** @param sums is added to */
  constructor(run: SegmentedRun, kernels: Kernels, part: Graph, sums: Map<string, ColumnSums>) {
    this.#run = run;
    this.#kernels = kernels;
    this.#part = part;
    this.#sums = sums;
    const uses = usesOf(part).filter(({ tensor }) => isMatrix(tensorOf(run.model, tensor)));
    this.#linear = uses.filter(({ kind }) => kind === 'linear');
    this.#grouped = uses
      .filter(({ kind }) => kind === 'grouped')
      .map((use) => ({ ...dispatchOf(part, use), use, columns: part.values[use.weight].shape[1] as number }));
  }

  /** @param isLast nothing reads the segment's outputs, so they are not computed */
  async over(boundaries: BoundaryStore, isLast: boolean, signal?: AbortSignal): Promise<void> {
    const outputs = isLast ? [] : this.#part.outputs;
    const { graph, energies } = this.#summing(outputs);
    const tables = await loadSegment(this.#run, graph);
    const batches = batchesOf(graph, this.#run.target, this.#run.sequences);
    const program = this.#run.open(graph, batches);
    try {
      for (const batch of batches) {
        await checkpoint(signal);
        this.#run.feed(program, batch, boundaries, tables);
        program.run(sizesOf(this.#run.sequences, batch.order.length));
        for (const value of outputs) await this.#run.keep(program, value, batch, boundaries);
        await this.#add(program, batch, energies);
      }
    } finally {
      program.close();
      this.#run.memory.drop(...tables.loaded);
    }
  }

  /** The segment with the sums of its inputs' squares. */
  #summing(outputs: readonly ValueId[]): { graph: Graph; energies: ReadonlyMap<ValueId, ValueId> } {
    const build = new GraphBuilder(this.#part);
    const inputs = new Set(this.#linear.map(({ input }) => input));
    const energies = new Map([...inputs].map((input) => [input, build.node('columnEnergy', [input])]));
    const slots = this.#grouped.flatMap(({ use, offsets }) => [use.input, offsets]);
    const all = [...new Set([...outputs, ...energies.values(), ...slots])];
    return { graph: pruned(build.finish(all), all), energies };
  }

  async #add(
    program: RunningProgram,
    { order }: SequenceRange,
    energies: ReadonlyMap<ValueId, ValueId>,
  ): Promise<void> {
    const tokens = order.length * this.#run.sequences.length;
    for (const { tensor, input, weight } of this.#linear) {
      const energy = new Float64Array(this.#part.values[weight].shape[1] as number);
      await program.read(energies.get(input)!, energy);
      this.#addTo(tensor, energy, tokens);
    }
    for (const grouped of this.#grouped) await this.#addGrouped(program, grouped, tokens);
  }

  async #addGrouped(program: RunningProgram, grouped: GroupedUse, tokens: number): Promise<void> {
    const kernels = this.#kernels;
    const { use, offsets, experts, used, columns } = grouped;
    const first = new Int32Array(experts + 1);
    const x = kernels.f32(tokens * used * columns);
    const energy = kernels.f64(columns);
    try {
      await program.read(use.input, x);
      await program.read(offsets, first);
      const all = new Float64Array(columns);
      for (let expert = 0; expert < experts; expert++) {
        energy.fill(0);
        const rows = first[expert + 1] - first[expert];
        if (rows > 0)
          kernels.columnEnergy(x.subarray(first[expert] * columns, first[expert + 1] * columns), energy, columns);
        this.#addTo(expertName(use.tensor, expert), energy, rows);
        for (let c = 0; c < columns; c++) all[c] += energy[c];
      }
      this.#addTo(use.tensor, all, first[experts]);
    } finally {
      kernels.free(x);
      kernels.free(energy);
    }
  }

  #addTo(name: string, energy: Float64Array, rows: number): void {
    const sums = this.#sums.get(name) ?? { energy: new Float64Array(energy.length), rows: 0 };
    this.#sums.set(name, sums);
    for (let c = 0; c < energy.length; c++) sums.energy[c] += energy[c];
    sums.rows += rows;
  }
}

function energyMeans(energy: Float64Array, rows: number): Float32Array {
  return Float32Array.from(energy, (sum) => sum / Math.max(1, rows));
}
