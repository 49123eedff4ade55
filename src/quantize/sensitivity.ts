import { UsageError } from '../core/errors.ts';
import type { Memory } from '../core/memory.ts';
import { checkpoint, type WorkOptions } from '../core/progress.ts';
import { calibration, type Factor, relativeError } from '../measure/calibrate.ts';
import { sampleRows } from '../measure/price.ts';
import type { Measurement } from '../measure/types.ts';
import type { Model, ModelTensor, TensorRole } from '../model/types.ts';
import { format } from '../numeric/table.ts';
import { candidates } from './candidates.ts';
import { concurrently } from './concurrent.ts';
import { halfCurvature } from './curvature.ts';
import type { JobRunner, Price } from './jobs.ts';
import type { RoundingName } from './types.ts';

/** What every candidate of every matrix is predicted to cost: all that planning needs, for any budget. */
export interface SensitivityTable {
  readonly version: 1;
  /** Fingerprint of the model. */
  readonly model: string;
  readonly rounding: RoundingName;
  /** Turns Kronecker prices into the unbiased form: one factor for all, fitted by the measurement. */
  readonly scale: Factor;
  readonly tensors: readonly PricedTensor[];
}

export interface PricedTensor {
  readonly tensor: string;
  readonly role: TensorRole;
  /** Block number, -1 outside blocks. */
  readonly layer: number;
  readonly rows: number;
  readonly columns: number;
  /** Standard error of the tensor's prices relative to them, from the spread between sequences. */
  readonly relativeError: number;
  /** Kronecker prices, before `scale`. */
  readonly prices: readonly Price[];
}

export interface PriceOptions extends WorkOptions {
  readonly rounding: RoundingName;
  /** Format names to consider, default every one that GGUF holds and we write. */
  readonly palette?: readonly string[];
  readonly memory?: Memory<PricedTensor>;
}

/** Rows a price is estimated from: sampling error about 5 % of a tensor's price, which sums average out. */
const SAMPLED_ROWS = 96;

/** Matrices of the model: what a plan assigns formats to. Everything else stays F32. */
export function matrices(model: Model): ModelTensor[] {
  return [...model.tensors.values()].filter((tensor) => tensor.shape.length === 2);
}

/**
 * Called before any work, so that nothing is measured for a palette that cannot store the model.
 * @throws UsageError for unknown formats, and for a matrix that none of them can hold
 */
export function refuseUnusablePalette(model: Model, palette: readonly string[] | undefined): void {
  for (const name of palette ?? []) format(name);
  const stuck = matrices(model).find(({ shape }) => candidates(shape[1], palette).length === 0);
  if (stuck === undefined) return;
  throw new UsageError(
    `palette ${palette?.join(' ') ?? ''}: no format of it can hold ${stuck.name}, rows of ${stuck.shape[1]} values; ` +
      `add one of ${candidates(stuck.shape[1])
        .map(({ name }) => name)
        .join(', ')}`,
  );
}

/** Prices every candidate of every matrix with the rounding that will be used. */
export async function priceModel(
  model: Model,
  measured: Measurement,
  runner: JobRunner,
  options: PriceOptions,
): Promise<SensitivityTable> {
  const tensors = matrices(model);
  const remembered = await Promise.all(tensors.map((tensor) => options.memory?.get(priceKey(tensor, options))));
  const total = remembered.filter((prices) => prices === undefined).length;
  let done = 0;
  const priced = await concurrently(tensors, runner.concurrency + 1, async (tensor, i) => {
    if (remembered[i] !== undefined) return remembered[i];
    await checkpoint(options.signal);
    const result = await priceTensor(tensor, measured, runner, options);
    await options.memory?.put(priceKey(tensor, options), result);
    options.onProgress?.({ stage: 'pricing', done: ++done, total, unit: 'tensors', detail: tensor.name });
    return result;
  });
  return {
    version: 1,
    model: await model.fingerprint(),
    rounding: options.rounding,
    scale: calibration(measured.summaries, measured.key.sequenceLength),
    tensors: priced,
  };
}

function candidateNames({ shape }: ModelTensor, { palette }: PriceOptions): string[] {
  return candidates(shape[1], palette).map((format) => format.name);
}

/** What the prices of a matrix are remembered under. */
export function priceKey(tensor: ModelTensor, options: PriceOptions): string {
  return JSON.stringify([tensor.name, options.rounding, candidateNames(tensor, options)]);
}

async function priceTensor(
  tensor: ModelTensor,
  measured: Measurement,
  runner: JobRunner,
  options: PriceOptions,
): Promise<PricedTensor> {
  const [rows, columns] = tensor.shape;
  const measurement = await measured.read(tensor.name);
  const sample = sampleRows(measurement.pricing, SAMPLED_ROWS);
  const prices = await runner.price(
    {
      kind: 'price',
      formats: candidateNames(tensor, options),
      rounding: options.rounding,
      sample,
      weight: await loadRows(tensor, sample.index),
      curvature: halfCurvature(measurement),
      seen: measurement.rounding,
      unseen: measurement.pricing,
    },
    options.signal,
  );
  return {
    tensor: tensor.name,
    role: tensor.role,
    layer: tensor.layer,
    rows,
    columns,
    relativeError: relativeError(measured.summaries, tensor.name),
    prices,
  };
}

async function loadRows(tensor: ModelTensor, rows: Int32Array): Promise<Float32Array> {
  const columns = tensor.shape[1];
  const values = new Float32Array(rows.length * columns);
  for (let i = 0; i < rows.length; i++) values.set(await tensor.load(rows[i], rows[i] + 1), i * columns);
  return values;
}
