import { gradientName } from '../graph/differentiate.ts';
import { inputNamed } from '../graph/segments.ts';
import type { Graph, ValueId } from '../graph/types.ts';
import type { Use } from '../graph/uses.ts';
import type { Kernels } from '../kernels/contract.ts';
import { isMatrix } from '../model/matrices.ts';
import type { Objective } from '../objective/types.ts';
import type { BoundaryStore } from '../run/boundaries.ts';
import { type LookupTables, loadSegment, type TableRows } from '../run/lookups.ts';
import type { RunningProgram } from '../run/program.ts';
import type { SegmentedRun, SequenceRange } from '../run/segments.ts';
import { numbersPerSequence, sizesOf } from '../run/sequences.ts';
import { addInputEnergy, type FactorSums, finishHalf, measuredUse, openFactors } from './factors.ts';
import { type GroupedNode, type MeasuredNode, type MeasuringGraph, measuringGraph } from './graph.ts';
import { GroupedFactors } from './grouped.ts';
import { addToSketch, referencePerturbation } from './sketch.ts';
import { StackSums } from './stack.ts';
import type { UseMeasurement } from './types.ts';

/** Gradients at values between segments, of all sequences. */
export type Gradients = Map<ValueId, Float32Array>;

export interface OpenOptions {
  /** Sequences in all. */
  readonly sequences: number;
  /** For the last segments, at whose output labels are drawn. */
  readonly objective?: Objective;
  /** Whether the network has one output for a sequence. */
  readonly pooled: boolean;
  /** Values whose gradients later segments have begun: this one's shares are added. */
  readonly summed?: ReadonlySet<ValueId>;
  /** What stacks share whose experts are measured some at a time, by tensor; others have it for themselves. */
  readonly stacks?: Map<string, StackSums>;
}

/** A table of which rows were looked up. */
export interface MeasuredTable {
  readonly use: Use;
  readonly rows: TableRows;
  /** At what was found, of all sequences. */
  readonly gradient: Float32Array;
}

/** What a measurement works with. */
interface Opened {
  readonly tables: LookupTables;
  readonly program: RunningProgram;
  readonly factors: readonly FactorSums[];
  readonly grouped: readonly GroupedFactors[];
  readonly options: OpenOptions;
}

/** A segment being measured: forwards and backwards over batches, half of the sequences after the other. */
export class SegmentMeasurement {
  readonly #run: SegmentedRun;
  readonly #kernels: Kernels;
  readonly #measuring: MeasuringGraph;
  readonly #tables: LookupTables;
  readonly #program: RunningProgram;
  readonly #factors: readonly FactorSums[];
  readonly #grouped: readonly GroupedFactors[];
  readonly #objective: Objective | undefined;
  /** Values whose gradients later segments have begun. */
  readonly #summed: ReadonlySet<ValueId>;
  /** Rows of each use's inputs in the current half. */
  readonly #counts: number[];
  /** Gradients at what was looked up, by table. */
  readonly #lookups: ReadonlyMap<string, Float32Array>;
  /** Sums of the objective, of finished halves. */
  readonly outputSums: (Float32Array | Float64Array)[][] = [];

  private constructor(run: SegmentedRun, kernels: Kernels, measuring: MeasuringGraph, opened: Opened) {
    this.#run = run;
    this.#kernels = kernels;
    this.#measuring = measuring;
    this.#tables = opened.tables;
    this.#program = opened.program;
    this.#factors = opened.factors;
    this.#grouped = opened.grouped;
    this.#objective = opened.options.objective;
    this.#summed = opened.options.summed ?? new Set();
    this.#counts = measuring.linear.map(() => 0);
    this.#lookups = new Map(
      measuring.lookups.map(({ use }) => [use.tensor, new Float32Array(this.#numbers(use.output))]),
    );
  }

  static async open(
    run: SegmentedRun,
    kernels: Kernels,
    part: Graph,
    batches: readonly SequenceRange[],
    options: OpenOptions,
  ): Promise<SegmentMeasurement> {
    const { tensors } = run.model;
    const isMeasured = (name: string): boolean => isMatrix(tensors.get(name)!);
    const measuring = measuringGraph(part, isMeasured, options);
    const tables = await loadSegment(run, part);
    const factors: FactorSums[] = [];
    for (const node of measuring.linear) factors.push(await openUse(run, node, options.sequences));
    const grouped: GroupedFactors[] = [];
    for (const node of measuring.grouped) grouped.push(await openGrouped(run, kernels, node, options));
    const program = run.open(measuring.graph, batches);
    return new SegmentMeasurement(run, kernels, measuring, { tables, program, factors, grouped, options });
  }

  /** Tables whose rows were looked up, with the gradients at what was found. */
  tables(): MeasuredTable[] {
    return this.#measuring.lookups.flatMap(({ use }) => {
      const rows = this.#tables.rows.get(use.tensor);
      const gradient = this.#lookups.get(use.tensor);
      return rows && gradient ? [{ use, rows, gradient }] : [];
    });
  }

  get graph(): Graph {
    return this.#measuring.graph;
  }

  /**
   * Runs a batch: takes gradients of the segment's outputs and leaves those of the values that it reads.
   * @param options.draws random numbers of the batch's labels, for the last segments
   * @param options.owners sequences that the batch's belong to, where those are parts
   */
  async batch(
    batch: SequenceRange,
    boundaries: BoundaryStore,
    gradients: Gradients,
    { draws, owners = batch.order }: { draws?: Float32Array; owners?: readonly number[] } = {},
  ): Promise<void> {
    const program = this.#program;
    this.#run.feed(program, batch, boundaries, this.#tables);
    for (const [value, all] of gradients)
      if (inputNamed(this.graph, gradientName(value)) !== undefined)
        program.write(gradientName(value), this.#part(all, batch));
    if (draws !== undefined) program.write('draws', draws);
    program.run(sizesOf(this.#run.sequences, batch.order.length));
    for (const [value, gradient] of this.#measuring.gradients) {
      const part = this.#part(gradients.get(value)!, batch);
      if (this.#summed.has(value)) await this.#addTo(part, gradient);
      else await program.read(gradient, part);
    }
    for (const { use, gradient } of this.#measuring.lookups)
      await program.read(gradient, this.#part(this.#lookups.get(use.tensor)!, batch));
    await this.#addSums(batch, owners);
    for (const [i, node] of this.#measuring.grouped.entries()) await this.#addGrouped(node, this.#grouped[i], owners);
  }

  /** Ends a half of the sequences. */
  async finishHalf(): Promise<void> {
    const outputSums: (Float32Array | Float64Array)[] = [];
    const width = this.#measuring.linear.find(({ isOutput }) => isOutput)?.rows ?? 0;
    for (const { state, type } of this.#objective?.sums ?? [])
      outputSums.push(await this.#takeState(state, type === 'f32' ? new Float32Array(width) : new Float64Array(width)));
    for (const [i, node] of this.#measuring.linear.entries()) {
      const a = await this.#takeState(node.gram, new Float32Array(node.columns ** 2));
      const rowEnergy = node.isOutput
        ? this.#objective!.energy(outputSums)
        : await this.#takeState(node.rowEnergy, new Float64Array(node.rows));
      finishHalf(this.#kernels, this.#factors[i], { a, rowEnergy, count: this.#counts[i] });
      this.#counts[i] = 0;
    }
    for (const grouped of this.#grouped) grouped.finishHalf();
    if (outputSums.length > 0) this.outputSums.push(outputSums);
  }

  takeUses(): UseMeasurement[] {
    return [...this.#factors.map(measuredUse), ...this.#grouped.flatMap((grouped) => grouped.takeUses())];
  }

  close(): void {
    this.#program.close();
    for (const grouped of this.#grouped) grouped.close();
    const deltas = this.#measuring.linear.map(({ delta }) => delta);
    const states = this.#measuring.linear.flatMap(({ gram, rowEnergy }) => [gram, rowEnergy]);
    this.#run.memory.drop(...this.#tables.loaded, ...deltas);
    this.#run.memory.dropStates(...states, ...(this.#objective?.sums ?? []).map(({ state }) => state));
  }

  async #addTo(sum: Float32Array, gradient: ValueId): Promise<void> {
    const share = new Float32Array(sum.length);
    await this.#program.read(gradient, share);
    for (let i = 0; i < sum.length; i++) sum[i] += share[i];
  }

  async #addSums({ order }: SequenceRange, owners: readonly number[]): Promise<void> {
    const energies = new Map<ValueId, Float64Array>();
    const numbers = new Float64Array(4 * order.length);
    for (const [i, { use, energy, sketch, columns }] of this.#measuring.linear.entries()) {
      const rows = (numbersPerSequence(this.graph, use.input, this.#run.sequences) / columns) * order.length;
      const found = energies.get(energy) ?? new Float64Array(columns);
      if (!energies.has(energy)) await this.#program.read(energy, found);
      energies.set(energy, found);
      await this.#program.read(sketch, numbers);
      addToSketch(this.#factors[i].sketch, numbers, owners);
      addInputEnergy(this.#factors[i], found, rows);
      this.#counts[i] += rows;
    }
  }

  async #addGrouped(node: GroupedNode, sums: GroupedFactors, owners: readonly number[]): Promise<void> {
    const { experts, rows, columns, used } = node;
    const kernels = this.#kernels;
    const tokens = owners.length * this.#run.sequences.length;
    const slots = tokens * used;
    const [x, g, order] = [kernels.f32(slots * columns), kernels.f32(slots * rows), new Int32Array(slots)];
    try {
      const offsets = new Int32Array(experts + 1);
      await this.#program.read(node.use.input, x);
      await this.#program.read(node.gradient, g);
      await this.#program.read(node.slots, order);
      await this.#program.read(node.offsets, offsets);
      const perSequence = this.#run.sequences.length * used;
      const sequence = order.map((slot) => Math.floor(slot / perSequence));
      sums.add({ x, g, offsets, sequence, owners, tokens });
    } finally {
      kernels.free(x, g);
    }
  }

  /** Reads a state and sets it back to zero. */
  async #takeState<T extends Float32Array | Float64Array>(name: string, into: T): Promise<T> {
    const { device } = this.#run;
    const slot = { buffer: this.#run.memory.state(name, into.byteLength) };
    await device.read(slot, into);
    device.write(slot, new Uint8Array(into.byteLength));
    return into;
  }

  /** A batch's part of something that all sequences have. */
  #part(all: Float32Array, { start, order }: SequenceRange): Float32Array {
    const each = all.length / this.#run.sequences.sequences;
    return all.subarray(start * each, (start + order.length) * each);
  }

  #numbers(value: ValueId): number {
    return numbersPerSequence(this.graph, value, this.#run.sequences) * this.#run.sequences.sequences;
  }
}

/** Reads the rows that are perturbed, and gives their perturbation to the program. */
async function openUse(
  run: SegmentedRun,
  { use, rows, columns, stride, delta }: MeasuredNode,
  sequences: number,
): Promise<FactorSums> {
  const changed = Math.ceil(rows / stride);
  const values = new Float32Array(changed * columns);
  const buffer = run.memory.weight(use.tensor);
  // Asked for together: every answer may take its time.
  await Promise.all(
    Array.from({ length: changed }, (_, r) =>
      run.device.read({ buffer, offset: 4 * r * stride * columns }, values.subarray(r * columns, (r + 1) * columns)),
    ),
  );
  const perturbation = referencePerturbation(values, columns, stride);
  run.memory.set(delta, perturbation.delta);
  const kind = run.model.tensors.get(use.tensor)!.role;
  return openFactors({ tensor: use.tensor, use: 'linear', kind }, rows, perturbation, sequences);
}

/** Reads the stacked matrices once, for their perturbations. */
async function openGrouped(
  run: SegmentedRun,
  kernels: Kernels,
  { use, experts, rows, columns }: GroupedNode,
  { sequences, stacks }: OpenOptions,
): Promise<GroupedFactors> {
  const weight = new Float32Array(experts * rows * columns);
  await run.device.read({ buffer: run.memory.weight(use.tensor) }, weight);
  const { role: kind, stack: part } = run.model.tensors.get(use.tensor)!;
  const tensor = part?.tensor ?? use.tensor;
  const stack = stacks?.get(tensor) ?? new StackSums(part?.experts ?? experts, columns);
  if (part !== undefined) stacks?.set(tensor, stack);
  const shape = { tensor, kind, experts, first: part?.first ?? 0, stack, rows, columns, sequences };
  return new GroupedFactors(kernels, shape, weight);
}
