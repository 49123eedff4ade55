import { checkpoint, type WorkOptions } from '../../core/progress.ts';
import { partsOf } from '../../measure/parts.ts';
import type { Measurement } from '../../measure/types.ts';
import type { Model, ModelTensor } from '../../model/types.ts';
import { decodeRows, format, rowBytes } from '../../numeric/table.ts';
import { candidates } from '../../quantize/candidates.ts';
import { concurrently } from '../../quantize/concurrent.ts';
import { halfCurvature } from '../../quantize/curvature.ts';
import type { BlockStore } from '../../quantize/encode.ts';
import type { JobRunner } from '../../quantize/jobs.ts';
import { matrices } from '../../quantize/sensitivity.ts';
import type { RoundingName } from '../../quantize/types.ts';

/** Formats about one bit apart; where rows are no multiple of 256, the types with blocks of 32. */
const COARSE = ['Q2_K', 'Q3_K', 'Q4_K', 'Q5_K', 'Q6_K', 'Q8_0'];
const COARSE_SHORT_ROWS = ['MXFP4', 'Q4_0', 'Q4_1', 'Q5_0', 'Q5_1', 'Q8_0'];

/** Names of a matrix's coarse candidates, fewest bits first. */
export function coarsePalette({ shape }: ModelTensor): string[] {
  const names = (palette: string[]): string[] => candidates({ columns: shape[1] }, palette).map(({ name }) => name);
  const palette = names(COARSE);
  return palette.length > 3 ? palette : names(COARSE_SHORT_ROWS);
}

/** Which candidates are made of every matrix, and how. */
export interface CandidateChoice {
  readonly rounding: RoundingName;
  /** Names of a matrix's candidates, fewest bits first; default the coarse ones. */
  readonly formats?: (tensor: ModelTensor) => readonly string[];
}

/**
 * Candidates of every matrix, each rounded once: what plans and metrics of the truth bench have in common.
 * Rounding sees the even sequences of the measurement only, as when candidates are priced, so that no metric that uses
 * the odd ones flatters it.
 */
export class RoundedCandidates {
  readonly tensors: readonly ModelTensor[];
  readonly rounding: RoundingName;
  /** Names of a matrix's candidates, fewest bits first. */
  readonly formats: (tensor: ModelTensor) => readonly string[];
  readonly #model: Model;
  readonly #store: BlockStore;

  private constructor(model: Model, { rounding, formats = coarsePalette }: CandidateChoice, store: BlockStore) {
    this.tensors = matrices(model);
    this.rounding = rounding;
    this.formats = formats;
    this.#model = model;
    this.#store = store;
  }

  /** Rounds what the store does not hold yet. */
  static async round(
    model: Model,
    measurement: Measurement,
    runner: JobRunner,
    choice: CandidateChoice,
    store: BlockStore,
    options: WorkOptions = {},
  ): Promise<RoundedCandidates> {
    const made = new RoundedCandidates(model, choice, store);
    const { rounding } = made;
    let done = 0;
    const roundedWhole = async (tensor: ModelTensor, name: string): Promise<Uint8Array> => {
      const stride = rowBytes(format(name), tensor.shape[1]);
      const blocks = new Uint8Array(tensor.shape[0] * stride);
      for (const part of partsOf(tensor)) {
        const curvature = halfCurvature(await measurement.read(part.name));
        const weight = await tensor.load(part.startRow, part.endRow);
        const rows = part.endRow - part.startRow;
        const job = { kind: 'round', format: name, rounding, rows, weight, curvature } as const;
        blocks.set(await runner.round(job, options.signal), part.startRow * stride);
      }
      return blocks;
    };
    await concurrently(made.tensors, runner.concurrency + 1, async (tensor) => {
      const palette = made.formats(tensor);
      const kept = await Promise.all(palette.map((name) => store.has(made.#key(tensor.name, name))));
      const missing = palette.filter((_, i) => !kept[i]);
      if (missing.length > 0) {
        for (const name of missing) {
          await checkpoint(options.signal);
          await store.put(made.#key(tensor.name, name), await roundedWhole(tensor, name));
        }
      }
      const total = made.tensors.length;
      options.onProgress?.({ stage: 'rounding', done: ++done, total, unit: 'tensors', detail: tensor.name });
    });
    return made;
  }

  /** Q(W) of rows [start, end), default all. */
  async values(tensor: ModelTensor, name: string, start = 0, end = tensor.shape[0]): Promise<Float32Array> {
    const blocks = (await this.#store.get(this.#key(tensor.name, name)))!;
    const target = format(name);
    const stride = rowBytes(target, tensor.shape[1]);
    return decodeRows(target, blocks.subarray(start * stride, end * stride), tensor.shape[1]);
  }

  /** δW = W − Q(W), [rows, columns]. */
  async delta(tensor: ModelTensor, name: string): Promise<Float32Array> {
    const [weight, values] = await Promise.all([tensor.load(), this.values(tensor, name)]);
    return weight.map((value, i) => value - values[i]);
  }

  /** The model with the named matrices rounded to the formats given; the others stay as they are. */
  model(formats: Readonly<Record<string, string>>): Model {
    const tensors = new Map(this.#model.tensors);
    for (const tensor of this.tensors) {
      const name = formats[tensor.name];
      if (name === undefined) continue;
      const load = (start?: number, end?: number): Promise<Float32Array> => this.values(tensor, name, start, end);
      tensors.set(tensor.name, { ...tensor, format: name, load, loadBlocks: undefined });
    }
    return { ...this.#model, tensors, close: async () => {} };
  }

  #key(tensor: string, name: string): string {
    return JSON.stringify([tensor, name, this.rounding, 'half']);
  }
}
