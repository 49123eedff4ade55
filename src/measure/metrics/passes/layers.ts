import { checkpoint, type WorkOptions } from '../../../core/progress.ts';
import { GraphBuilder } from '../../../graph/build.ts';
import { differentiate } from '../../../graph/differentiate.ts';
import { allRows } from '../../../graph/rewrite.ts';
import { boundaryInputs, segment, segmentCount, segmentReading } from '../../../graph/segments.ts';
import type { Graph, Node, ValueId } from '../../../graph/types.ts';
import { dispatchOf, type Use, usesOf } from '../../../graph/uses.ts';
import type { Kernels } from '../../../kernels/contract.ts';
import type { Model, ModelTensor } from '../../../model/types.ts';
import { type BoundaryStore, memoryBoundaries } from '../../../run/boundaries.ts';
import { loadSegment } from '../../../run/lookups.ts';
import { type RunningProgram, tensorOf } from '../../../run/program.ts';
import { SegmentedRun, type SequenceRange } from '../../../run/segments.ts';
import { numbersPerSequence, sizesOf, textSequences } from '../../../run/sequences.ts';
import type { TokenBatch } from '../../plan.ts';
import { type Labels, labelGradient } from './labels.ts';

export type { Labels } from './labels.ts';

/** Outputs of the network in memory at once. */
const OUTPUT_NUMBERS = 16 * 2 ** 20;

/** One matrix at work on some whole sequences. Arrays lie in the backend's memory and are valid during the visit. */
export interface Layer {
  readonly tensor: ModelTensor;
  readonly use: 'linear' | 'head' | 'lookup' | 'experts';
  /** Of stacked experts: rows are slots in the order of their experts, and `width` is one expert's. */
  readonly slots?: Slots;
  /** Number of each sequence. */
  readonly order: readonly number[];
  readonly length: number;
  /** Outputs per token. */
  readonly width: number;
  /** Gradients at the outputs, [tokens, width]. */
  readonly gradients: Readonly<Record<Labels, Float32Array | undefined>>;
  /** Inputs [tokens, columns]; a look-up has none. */
  readonly inputs: Float32Array | undefined;
  /** [rows, columns] */
  readonly weight: Float32Array;
  /** Ids of the tokens looked up. */
  readonly ids: Int32Array;
  /** y = x·Wᵀ for any matrix of W's shape, of experts each row by its own: outputs of W, changes by δW. The caller frees it. [tokens, width] */
  outputs(matrix: Float32Array): Float32Array;
}

/** Where rows of experts come from. */
export interface Slots {
  /** Slot of every row: token · used + choice. [rows] */
  readonly order: Int32Array;
  /** What the router says of every slot, by slot; 1 where there is none. */
  readonly weights: Float32Array;
  /** First row of every expert, in the backend's memory. [experts + 1] */
  readonly offsets: Int32Array;
  /** Slots of a token. */
  readonly used: number;
}

/** A state at work on all sequences: what is kept of each token, and the gradient there. In the backend's memory. */
export interface VisitedState {
  readonly name: string;
  /** `k` or `v`. */
  readonly kind: string;
  /** Values that a format's blocks must not straddle. */
  readonly headDim: number;
  /** [tokens, width] */
  readonly values: Float32Array;
  readonly gradient: Float32Array;
}

export interface LayerPassOptions extends WorkOptions {
  readonly seed: number;
  readonly labels: readonly Labels[];
  /** Called with every state before the matrices of its segment are visited; gradients are those of the first labels. */
  readonly visitState?: (state: VisitedState) => void;
}

/** Called with one layer after the other, last to first. */
export type VisitLayer = (layer: Layer) => Promise<void>;

/**
 * Runs the text forwards and backwards and shows every use of every matrix with inputs and gradients. All tokens are in
 * memory at once: it is for a few thousand of them.
 * @param tokens [sequences, length]
 */
export async function visitLayers(
  kernels: Kernels,
  model: Model,
  tokens: TokenBatch,
  options: LayerPassOptions,
  visit: VisitLayer,
): Promise<void> {
  const pass = new LayerPass(kernels, model, tokens, options, visit);
  try {
    await pass.run();
  } finally {
    pass.close();
  }
}

/** Gradient at every value between segments for each kind of labels. */
type BoundaryGradients = ReadonlyMap<Labels, Map<ValueId, Float32Array>>;

class LayerPass {
  readonly #kernels: Kernels;
  readonly #model: Model;
  readonly #tokens: TokenBatch;
  readonly #options: LayerPassOptions;
  readonly #visit: VisitLayer;
  readonly #graph: Graph;
  readonly #run: SegmentedRun;
  readonly #boundaries: BoundaryStore;
  readonly #gradients: BoundaryGradients;
  readonly #all: SequenceRange;

  constructor(kernels: Kernels, model: Model, tokens: TokenBatch, options: LayerPassOptions, visit: VisitLayer) {
    this.#kernels = kernels;
    this.#model = model;
    this.#tokens = tokens;
    this.#options = options;
    this.#visit = visit;
    this.#graph = allRows(model.graph);
    this.#run = new SegmentedRun(kernels.device, model, this.#graph, textSequences(tokens), { states: 'whole' });
    this.#boundaries = memoryBoundaries(this.#run.boundaryShape());
    this.#gradients = new Map(options.labels.map((labels) => [labels, new Map()]));
    this.#all = { start: 0, order: Array.from({ length: tokens.sequences }, (_, s) => s) };
  }

  async run(): Promise<void> {
    const { signal, onProgress } = this.#options;
    const last = segmentCount(this.#graph);
    const tail = Math.min(last - 1, segmentReading(this.#model.graph, 'wanted'));
    await this.#run.forward(0, tail, this.#boundaries, { signal, batches: [this.#all] });
    const output = segment(this.#graph, tail, last);
    const width = output.values[output.outputs[0]].shape[1] as number;
    const step = Math.max(1, Math.floor(OUTPUT_NUMBERS / width / this.#tokens.length));
    await this.#segment(output, step, true);
    for (let index = tail - 1; index >= 0; index--) {
      await this.#segment(segment(this.#graph, index, index + 1), this.#tokens.sequences, false);
      onProgress?.({ stage: 'scoring', done: tail - index, total: tail, unit: 'blocks' });
    }
  }

  close(): void {
    this.#run.close();
    this.#boundaries.close();
  }

  /** Visits one segment, some sequences at a time. */
  async #segment(part: Graph, step: number, isOutput: boolean): Promise<void> {
    const { order } = this.#all;
    const ranges = Array.from({ length: Math.ceil(order.length / step) }, (_, i): SequenceRange => {
      return { start: i * step, order: order.slice(i * step, (i + 1) * step) };
    });
    for (const value of boundaryInputs(part))
      for (const of of this.#gradients.values())
        if (!of.has(value)) of.set(value, new Float32Array(this.#numbers(value)));
    const tables = await loadSegment(this.#run, part);
    const measured = backwardGraph(part, this.#options.labels);
    const program = this.#run.open(measured.graph, ranges, measured.kept);
    try {
      for (const range of ranges) {
        await checkpoint(this.#options.signal);
        this.#run.feed(program, range, this.#boundaries, tables);
        if (isOutput) await this.#drawLabels(part, range);
        for (const [labels, seeds] of measured.seeds)
          for (const [value, seed] of seeds)
            program.write(seed, this.#part(this.#gradients.get(labels)!, value, range));
        program.run(sizesOf(this.#run.sequences, range.order.length));
        await this.#collect(program, measured, part, range);
        await this.#show(program, measured, part, range, isOutput);
      }
    } finally {
      program.close();
      this.#run.memory.drop(...tables.loaded);
    }
    for (const value of part.outputs) for (const of of this.#gradients.values()) of.delete(value);
  }

  /** Gradients of labels at the network's output, from its outputs. */
  async #drawLabels(part: Graph, range: SequenceRange): Promise<void> {
    const [value] = part.outputs;
    const program = this.#run.open(part, [range]);
    const tables = { loaded: [], rows: new Map(), places: <T>(_: string, values: T): T => values };
    try {
      this.#run.feed(program, range, this.#boundaries, tables);
      program.run(sizesOf(this.#run.sequences, range.order.length));
      for (const [labels, of] of this.#gradients) {
        await this.#kernelScope(this.#numbers(value, range.order.length), async (logits) => {
          await program.read(value, logits);
          const width = part.values[value].shape[1] as number;
          labelGradient(this.#kernels, labels, logits, width, { ...this.#tokens, range, seed: this.#options.seed });
          if (!of.has(value)) of.set(value, new Float32Array(this.#numbers(value)));
          this.#part(of, value, range).set(logits);
        });
      }
    } finally {
      program.close();
    }
  }

  async #collect(program: RunningProgram, { gradients }: BackwardGraph, part: Graph, range: SequenceRange) {
    for (const value of boundaryInputs(part))
      for (const [labels, of] of this.#gradients) {
        const into = this.#part(of, value, range);
        const share = new Float32Array(into.length);
        await program.read(gradients.get(labels)!.get(value)!, share);
        for (let i = 0; i < into.length; i++) into[i] += share[i];
      }
  }

  async #show(
    program: RunningProgram,
    measured: BackwardGraph,
    part: Graph,
    range: SequenceRange,
    isOutput: boolean,
  ): Promise<void> {
    const read = async (value: ValueId): Promise<Float32Array> => {
      const array = this.#kernels.f32(this.#numbers(value, range.order.length, measured.graph));
      await program.read(value, array);
      return array;
    };
    for (const node of part.nodes.filter(({ op }) => op === 'cache')) await this.#showState(node, measured, read);
    for (const use of measured.uses) {
      const arrays: Float32Array[] = [];
      const kept = async (value: ValueId | undefined): Promise<Float32Array | undefined> => {
        if (value === undefined) return undefined;
        arrays.push(await read(value));
        return arrays.at(-1);
      };
      const gradients = {
        sampled: await kept(measured.gradients.get('sampled')?.get(use.output)),
        text: await kept(measured.gradients.get('text')?.get(use.output)),
      };
      const isHead = isOutput && use.output === part.outputs[0];
      const dense =
        use.kind === 'lookup'
          ? await this.#lookup(use, gradients, range)
          : await this.#linear(use, await kept(use.input), gradients, range, isHead);
      const layer = use.kind === 'grouped' ? await this.#experts(dense, program, part, use, range) : dense;
      try {
        await this.#visit(layer);
      } finally {
        this.#kernels.free(...arrays);
        if (use.kind !== 'lookup') this.#kernels.free(layer.weight);
        if (layer.slots) this.#kernels.free(layer.slots.offsets);
      }
    }
  }

  async #showState(
    node: Node,
    measured: BackwardGraph,
    read: (value: ValueId) => Promise<Float32Array>,
  ): Promise<void> {
    const { visitState, labels } = this.#options;
    const gradient = measured.gradients.get(labels[0])?.get(node.outputs[0]);
    if (visitState === undefined || gradient === undefined) return;
    const { state, kind, headDim } = node.attributes as { state: string; kind: string; headDim: number };
    const [values, slopes] = [await read(node.outputs[0]), await read(gradient)];
    visitState({ name: state, kind, headDim, values, gradient: slopes });
    this.#kernels.free(values, slopes);
  }

  async #linear(
    use: Use,
    inputs: Float32Array | undefined,
    gradients: Layer['gradients'],
    { order }: SequenceRange,
    isHead: boolean,
  ): Promise<Layer> {
    const kernels = this.#kernels;
    const tensor = tensorOf(this.#model, use.tensor);
    const [rows, columns] = tensor.shape;
    const weight = kernels.f32(rows * columns);
    await this.#run.device.read({ buffer: this.#run.memory.weight(use.tensor) }, weight);
    return {
      ...{ tensor, use: isHead ? 'head' : 'linear', order, length: this.#tokens.length, width: rows },
      ...{ gradients, inputs, weight, ids: this.#ids(order) },
      outputs: (matrix) => products(kernels, inputs!, matrix, rows, columns),
    };
  }

  /** A layer of experts, from what it has in common with a dense one. */
  async #experts(
    dense: Layer,
    program: RunningProgram,
    part: Graph,
    use: Use,
    { order }: SequenceRange,
  ): Promise<Layer> {
    const kernels = this.#kernels;
    const { offsets, slots, weights, used, experts } = dispatchOf(part, use);
    const rows = new Int32Array(order.length * this.#tokens.length * used);
    await program.read(slots, rows);
    const routed = new Float32Array(rows.length).fill(1);
    if (weights !== undefined) await program.read(weights, routed);
    const first = kernels.i32(experts + 1);
    await program.read(offsets, first);
    const [all, columns] = dense.tensor.shape;
    const width = all / experts;
    const outputs = (matrix: Float32Array): Float32Array => {
      const y = kernels.f32(rows.length * width);
      kernels.scope(() => kernels.groupedMatmulNT(dense.inputs!, kernels.upload(matrix), first, y, width, columns));
      return y;
    };
    return { ...dense, use: 'experts', width, slots: { order: rows, weights: routed, offsets: first, used }, outputs };
  }

  /** A table: outputs are rows. */
  async #lookup(use: Use, gradients: Layer['gradients'], { order }: SequenceRange): Promise<Layer> {
    const tensor = tensorOf(this.#model, use.tensor);
    const columns = tensor.shape[1];
    const ids = this.#ids(order);
    return {
      ...{ tensor, use: 'lookup', order, length: this.#tokens.length, width: columns },
      ...{ gradients, inputs: undefined, weight: await tensor.load(), ids },
      outputs: (matrix) => {
        const rows = this.#kernels.f32(ids.length * columns);
        for (const [t, id] of ids.entries()) rows.set(matrix.subarray(id * columns, (id + 1) * columns), t * columns);
        return rows;
      },
    };
  }

  #ids(order: readonly number[]): Int32Array {
    const { ids, length } = this.#tokens;
    return ids.subarray(order[0] * length, (order[0] + order.length) * length);
  }

  async #kernelScope(length: number, use: (array: Float32Array) => Promise<void>): Promise<void> {
    const array = this.#kernels.f32(length);
    try {
      await use(array);
    } finally {
      this.#kernels.free(array);
    }
  }

  #part(of: Map<ValueId, Float32Array>, value: ValueId, { start, order }: SequenceRange): Float32Array {
    const all = of.get(value)!;
    const each = all.length / this.#tokens.sequences;
    return all.subarray(start * each, (start + order.length) * each);
  }

  #numbers(value: ValueId, sequences = this.#tokens.sequences, graph = this.#graph): number {
    return numbersPerSequence(graph, value, this.#tokens) * sequences;
  }
}

/** A segment with gradients of several kinds of labels at everything that is visited. */
interface BackwardGraph {
  readonly graph: Graph;
  readonly uses: readonly Use[];
  /** Where gradients of the segment's outputs are given. */
  readonly seeds: ReadonlyMap<Labels, ReadonlyMap<ValueId, ValueId>>;
  readonly gradients: ReadonlyMap<Labels, ReadonlyMap<ValueId, ValueId>>;
  readonly kept: readonly ValueId[];
}

function backwardGraph(part: Graph, kinds: readonly Labels[]): BackwardGraph {
  const uses = usesOf(part);
  const states = part.nodes.filter(({ op }) => op === 'cache').map(({ outputs }) => outputs[0]);
  const wanted = [...boundaryInputs(part), ...uses.map(({ output }) => output), ...states];
  let graph: Graph = part;
  const seeds = new Map<Labels, Map<ValueId, ValueId>>();
  const gradients = new Map<Labels, Map<ValueId, ValueId>>();
  for (const labels of kinds) {
    const build = new GraphBuilder(graph);
    const given = new Map(
      part.outputs.map((id): [ValueId, ValueId] => {
        const { type, shape } = build.typeOf(id);
        return [id, build.input(`gradient of ${labels} labels ${id}`, type, shape)];
      }),
    );
    const made = differentiate(build.finish(graph.outputs), given, wanted);
    graph = made.graph;
    seeds.set(labels, given);
    gradients.set(labels, new Map(wanted.map((id) => [id, made.gradientOf(id)!])));
  }
  const grouped = uses.filter(({ kind }) => kind === 'grouped').map((use) => dispatchOf(part, use));
  const kept = [
    ...uses.flatMap(({ kind, input }) => (kind === 'lookup' ? [] : [input])),
    ...grouped.flatMap(({ offsets, slots, weights }) => [offsets, slots, ...(weights === undefined ? [] : [weights])]),
    ...states,
  ];
  return { graph, uses, seeds, gradients, kept };
}

/** x·Wᵀ in a new array of the backend's memory. @param matrix in JS memory */
export function products(
  kernels: Kernels,
  inputs: Float32Array,
  matrix: Float32Array,
  rows: number,
  columns: number,
): Float32Array {
  const tokens = inputs.length / columns;
  const outputs = kernels.f32(tokens * rows);
  kernels.scope(() => kernels.matmulNT(inputs, kernels.upload(matrix), outputs, tokens, rows, columns));
  return outputs;
}
