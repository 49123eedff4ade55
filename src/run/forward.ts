import type { WorkOptions } from '../core/progress.ts';
import { allRows } from '../graph/rewrite.ts';
import { boundaryInputs, inputsOf, lastReader, segment, segmentCount } from '../graph/segments.ts';
import type { Graph } from '../graph/types.ts';
import type { Device } from '../kernels/device.ts';
import type { Model, ModelTensor } from '../model/types.ts';
import { memoryBoundaries } from './boundaries.ts';
import { loadRowsInto, SharedMemory } from './memory.ts';
import { RunningProgram } from './program.ts';
import { SegmentedRun } from './segments.ts';
import { type TokenBatch, textSequences } from './sequences.ts';
import { wholeTarget } from './target.ts';
import { tiled } from './tiles.ts';

/** Values of a weight that are loaded at once where it is streamed. */
const CHUNK_VALUES = 2 ** 23;

/**
 * What the output head reads, of many sequences, segment by segment: only one segment's weights are in memory, with the
 * values between segments of all tokens. Weights are float32, so the result has no rounding but theirs, and that of keys,
 * values and inputs where the model asks for it: every token then attends to rounded ones, its own included.
 * @returns [sequences·length, hidden] after the final norm, in JS memory
 */
export async function hiddenStates(
  device: Device,
  model: Model,
  tokens: TokenBatch,
  options: WorkOptions = {},
): Promise<Float32Array> {
  const graph = allRows(model.graph);
  const run = new SegmentedRun(device, model, graph, textSequences(tokens), wholeTarget(model));
  const head = segmentCount(graph) - 1;
  const [value, ...others] = boundaryInputs(segment(graph, head, head + 1));
  if (others.length > 0)
    throw new RangeError(`the last segment reads ${others.length + 1} values of earlier ones, expected one`);
  const shape = run.boundaryShape();
  const boundaries = memoryBoundaries(shape);
  try {
    for (let index = 0; index < head; index++) {
      await run.forward(index, index + 1, boundaries, { signal: options.signal });
      options.onProgress?.({ stage: 'running', done: index + 1, total: head, unit: 'blocks' });
      for (const before of boundaryInputs(segment(graph, index, index + 1)))
        if (lastReader(graph, before) === index) boundaries.drop(before);
    }
    const states = new Float32Array(shape.get(value)!);
    boundaries.read(value, 0, states);
    return states;
  } finally {
    boundaries.close();
    run.close();
  }
}

/** Most bytes of an output head that are kept. */
const RESIDENT_BYTES = 2 ** 30;

/** The output head, kept in the device's memory when it fits, streamed by rows of the vocabulary otherwise. */
export interface Head {
  /** logits[m, vocabulary] of states[m, hidden]. */
  logits(states: Float32Array, logits: Float32Array, m: number): Promise<void>;
  close(): void;
}

/** @param residentBytes most bytes of float32 weights to keep, default 1 GiB */
export async function openHead(device: Device, model: Model, residentBytes = RESIDENT_BYTES): Promise<Head> {
  return new TiledHead(device, model, headTiles(model, residentBytes));
}

/** An output head that is run in tiles. */
export interface HeadTiles {
  /** The last segment, its matrix as tall as a tile. */
  readonly part: Graph;
  readonly tensor: ModelTensor;
  /** Rows of a tile. */
  readonly step: number;
}

/** @param residentBytes as in `openHead` */
export function headTiles(model: Pick<Model, 'graph' | 'tensors'>, residentBytes = RESIDENT_BYTES): HeadTiles {
  const graph = allRows(model.graph);
  const last = segmentCount(graph) - 1;
  const tensor = headTensor(model);
  const [vocabulary, hidden] = tensor.shape;
  const rows = Math.floor(residentBytes / (4 * hidden));
  const step = rows >= vocabulary ? vocabulary : Math.max(1, Math.min(rows, Math.floor(CHUNK_VALUES / hidden)));
  return { part: tiled(segment(graph, last, last + 1), tensor.name, step), tensor, step };
}

/** The output head in tiles of some rows of its matrix; all of them are one tile where they fit. */
class TiledHead implements Head {
  readonly #memory: SharedMemory;
  readonly #model: Model;
  readonly #part: Graph;
  readonly #tensor: ModelTensor;
  readonly #step: number;
  /** First row of the tile in memory. */
  #loaded = -1;

  constructor(device: Device, model: Model, { part, tensor, step }: HeadTiles) {
    this.#memory = new SharedMemory(device);
    this.#model = model;
    this.#part = part;
    this.#tensor = tensor;
    this.#step = step;
  }

  async logits(states: Float32Array, logits: Float32Array, m: number): Promise<void> {
    const { vocabulary } = this.#model.config;
    await this.#tile(0);
    const capacities = { tokens: m, sequences: 1, length: m, context: m };
    const [input] = inputsOf(this.#part);
    const target = wholeTarget(this.#model);
    // One input serves all tiles: it is still there when the first is done.
    const program = new RunningProgram(this.#memory, this.#part, { target, capacities, kept: [input] });
    try {
      program.write(input, states);
      const part = new Float32Array(m * this.#step);
      for (let first = 0; first < vocabulary; first += this.#step) {
        await this.#tile(first);
        program.run(capacities);
        if (this.#step === vocabulary) return await program.read(this.#part.outputs[0], logits);
        await program.read(this.#part.outputs[0], part);
        const count = Math.min(this.#step, vocabulary - first);
        for (let i = 0; i < m; i++)
          logits.set(part.subarray(i * this.#step, i * this.#step + count), i * vocabulary + first);
      }
    } finally {
      program.close();
    }
  }

  async #tile(first: number): Promise<void> {
    if (this.#loaded === first) return;
    const { name, shape } = this.#tensor;
    const [rows, columns] = shape;
    // One buffer serves all tiles: the program keeps its place.
    if (this.#loaded === -1) this.#memory.set(name, new Float32Array(this.#step * columns));
    const end = Math.min(rows, first + this.#step);
    await loadRowsInto(this.#memory.device, this.#tensor, first, end, this.#memory.weight(name));
    this.#loaded = first;
  }

  close(): void {
    this.#memory.close();
  }
}

/** The matrix that gives the logits. */
export function headTensor({ graph, tensors }: Pick<Model, 'graph' | 'tensors'>): ModelTensor {
  const head = graph.nodes.findLast(({ op }) => op === 'linear');
  const weight = graph.values[head?.inputs[1] ?? -1];
  const tensor = weight?.source === 'weight' ? tensors.get(weight.tensor) : undefined;
  if (tensor === undefined) throw new RangeError('the model has no output head');
  return tensor;
}
