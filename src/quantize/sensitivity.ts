import { BitbudgetError, UsageError } from '../core/errors.ts';
import type { Memory } from '../core/memory.ts';
import { checkpoint, type WorkOptions } from '../core/progress.ts';
import { type MatrixKind, matrixKinds } from '../graph/kinds.ts';
import { calibration, type Factor, relativeError } from '../measure/calibrate.ts';
import { partsOf } from '../measure/parts.ts';
import { sampleRows } from '../measure/price.ts';
import type { Measurement } from '../measure/types.ts';
import { type Magnitudes, magnitudesOf } from '../model/magnitudes.ts';
import { isMatrix } from '../model/matrices.ts';
import type { ModelTensor, Network, TensorRole } from '../model/types.ts';
import { format } from '../numeric/table.ts';
import { candidates, matrixFacts } from './candidates.ts';
import { concurrently } from './concurrent.ts';
import { halfCurvature } from './curvature.ts';
import type { JobRunner, Price } from './jobs.ts';
import type { Curvature, RoundingName } from './types.ts';

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
  /** What it is in the network. */
  readonly kind: MatrixKind;
  /** Block number, -1 outside blocks. */
  readonly layer: number;
  readonly rows: number;
  readonly columns: number;
  /** Standard error of the tensor's prices relative to them, from the spread between sequences. */
  readonly relativeError: number;
  /** Kronecker prices, before `scale`. */
  readonly prices: readonly Price[];
  /** Of stacked matrices: what each of them costs; `prices` are their sums. [expert][candidate] */
  readonly experts?: readonly (readonly Price[])[];
}

export interface PriceOptions extends WorkOptions {
  readonly rounding: RoundingName;
  /** Format names to consider, default every one that GGUF holds and we write. */
  readonly palette?: readonly string[];
  readonly memory?: Memory<PricedTensor>;
  /** Largest weights, when they are known; default: they are looked for. */
  readonly magnitudes?: Magnitudes;
  /**
   * What rounding takes for the cost of errors; default the curvature of half of the text.
   * @param name of a measured matrix
   */
  curvatureOf?(name: string, columns: number): Curvature;
}

/** Rows a price is estimated from: sampling error about 5 % of a tensor's price, which sums average out. */
const SAMPLED_ROWS = 96;

/** Matrices of the model: what a plan assigns formats to. Everything else stays F32. */
export function matrices(model: Network): ModelTensor[] {
  return [...model.tensors.values()].filter(isMatrix);
}

/**
 * Called before any work, so that nothing is measured for a palette that cannot store the model.
 * @throws UsageError for unknown formats, and for a matrix that none of them can hold
 */
export function refuseUnusablePalette(
  model: Network,
  magnitudes: Magnitudes,
  palette: readonly string[] | undefined,
): void {
  for (const name of palette ?? []) format(name);
  const stuck = matrices(model).find((tensor) => candidates(matrixFacts(tensor, magnitudes), palette).length === 0);
  if (stuck === undefined) return;
  const { columns, largest } = matrixFacts(stuck, magnitudes);
  const reach = largest === undefined ? '' : ` up to ${largest.toPrecision(3)}`;
  throw new UsageError(
    `palette ${palette?.join(' ') ?? ''}: no format of it can hold ${stuck.name}, rows of ${columns} values${reach}; ` +
      `add one of ${candidates(matrixFacts(stuck, magnitudes))
        .map(({ name }) => name)
        .join(', ')}`,
  );
}

/** Prices every candidate of every matrix with the rounding that will be used. */
export async function priceModel(
  model: Network,
  measured: Measurement,
  runner: JobRunner,
  options: PriceOptions,
): Promise<SensitivityTable> {
  const tensors = matrices(model);
  const kinds = matrixKinds(model.graph);
  const magnitudes = options.magnitudes ?? (await magnitudesOf(model, options));
  const jobs = tensors.map((tensor) => ({ tensor, ...pricedFormats(tensor, magnitudes, options) }));
  const remembered = await Promise.all(jobs.map(({ key }) => options.memory?.get(key)));
  const total = remembered.filter((prices) => prices === undefined).length;
  let done = 0;
  const priced = await concurrently(jobs, runner.concurrency + 1, async ({ tensor, formats, key }, i) => {
    const kind = kinds.get(tensor.name)!;
    if (remembered[i] !== undefined) return { ...remembered[i], kind };
    await checkpoint(options.signal);
    const result = await priceTensor(tensor, kind, formats, measured, runner, options);
    await options.memory?.put(key, result);
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

/** Formats that a matrix is priced in, and what their prices are remembered under. */
export function pricedFormats(
  tensor: ModelTensor,
  magnitudes: Magnitudes,
  { rounding, palette }: Pick<PriceOptions, 'rounding' | 'palette'>,
): { readonly formats: readonly string[]; readonly key: string } {
  const formats = candidates(matrixFacts(tensor, magnitudes), palette).map(({ name }) => name);
  return { formats, key: JSON.stringify([tensor.name, rounding, formats]) };
}

async function priceTensor(
  tensor: ModelTensor,
  kind: MatrixKind,
  formats: readonly string[],
  measured: Measurement,
  runner: JobRunner,
  options: PriceOptions,
): Promise<PricedTensor> {
  const [rows, columns] = tensor.shape;
  const parts = partsOf(tensor);
  const byPart: Price[][] = [];
  for (const part of parts) {
    const measurement = await measured.read(part.name);
    const sample = sampleRows(measurement.pricing, Math.ceil(SAMPLED_ROWS / Math.sqrt(parts.length)));
    byPart.push(
      await runner.price(
        {
          kind: 'price',
          formats,
          rounding: options.rounding,
          sample,
          weight: await loadRows(tensor, sample.index, part.startRow),
          curvature: options.curvatureOf?.(part.name, columns) ?? halfCurvature(measurement),
          seen: measurement.rounding,
          unseen: measurement.pricing,
        },
        options.signal,
      ),
    );
  }
  const prices = byPart.length === 1 ? byPart[0] : summed(byPart);
  const error = relativeError(measured.summaries, tensor.name);
  refuseUnpriced(tensor.name, prices, error);
  return {
    tensor: tensor.name,
    role: tensor.role,
    kind,
    layer: tensor.layer,
    rows,
    columns,
    relativeError: error,
    prices,
    ...(byPart.length > 1 ? { experts: byPart } : {}),
  };
}

/** @throws BitbudgetError where a price is no number: no plan could be made of it */
function refuseUnpriced(name: string, prices: readonly Price[], relativeError: number): void {
  const wrong = prices.find(({ loss, samplingError }) => !Number.isFinite(loss + samplingError + relativeError));
  if (wrong === undefined) return;
  throw new BitbudgetError(
    `pricing: what ${wrong.format} costs ${name} is beyond all numbers, so nothing can be predicted or planned; ` +
      'a weight of the model is too large (bitbudget inspect)',
  );
}

/** Prices of a tensor from those of its parts, whose sampling errors are independent. */
function summed(parts: readonly (readonly Price[])[]): Price[] {
  return parts[0].map(({ format }, i) => ({
    format,
    loss: parts.reduce((sum, prices) => sum + prices[i].loss, 0),
    samplingError: Math.hypot(...parts.map((prices) => prices[i].samplingError)),
  }));
}

/** @param startRow where the rows are counted from */
async function loadRows(tensor: ModelTensor, rows: Int32Array, startRow: number): Promise<Float32Array> {
  const columns = tensor.shape[1];
  const values = new Float32Array(rows.length * columns);
  for (let i = 0; i < rows.length; i++) {
    const row = startRow + rows[i];
    values.set(await tensor.load(row, row + 1), i * columns);
  }
  return values;
}
