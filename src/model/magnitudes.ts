import { FormatError } from '../core/errors.ts';
import { checkpoint, type WorkOptions } from '../core/progress.ts';
import { largestIn, largestOfValues } from '../numeric/largest.ts';
import { format } from '../numeric/table.ts';
import type { Model, ModelTensor } from './types.ts';

/** Largest magnitude among the values of every tensor, by name: what decides which formats hold it. */
export type Magnitudes = ReadonlyMap<string, number>;

/** Float32 sums keep nothing of a 1 beside more than this. */
const DROWNING = 2 ** 24;

/** One line for weights so large that what is computed beside them is lost; undefined where there are none. */
export function largeWeightsNotice(magnitudes: Magnitudes): string | undefined {
  const large = [...magnitudes].filter(([, magnitude]) => magnitude > DROWNING);
  if (large.length === 0) return undefined;
  const [name, magnitude] = large.reduce((most, each) => (each[1] > most[1] ? each : most));
  const more = large.length > 1 ? `, and ${large.length - 1} more tensors hold such` : '';
  return (
    `weights: ${name} holds ${magnitude.toPrecision(3)}${more}; float32 loses what it computes beside that, ` +
    'so predictions may not hold: go by what is measured'
  );
}

/** Values that are read and decoded at a time. */
const CHUNK_VALUES = 2 ** 22;

/**
 * Reads every weight once, before any work on a model.
 * @throws FormatError naming the first tensor with values that are not finite: nothing can be made of it
 */
export async function magnitudesOf(
  model: Pick<Model, 'tensors'>,
  { signal, onProgress }: WorkOptions = {},
): Promise<Magnitudes> {
  const magnitudes = new Map<string, number>();
  const total = model.tensors.size;
  for (const tensor of model.tensors.values()) {
    await checkpoint(signal);
    magnitudes.set(tensor.name, await magnitudeOf(tensor, signal));
    onProgress?.({ stage: 'checking', done: magnitudes.size, total, unit: 'tensors', detail: tensor.name });
  }
  return magnitudes;
}

async function magnitudeOf(tensor: ModelTensor, signal?: AbortSignal): Promise<number> {
  const [rows, columns = 1] = tensor.shape;
  const step = Math.max(1, Math.floor(CHUNK_VALUES / columns));
  let largest = 0;
  for (let row = 0; row < rows; row += step) {
    if (row > 0) await checkpoint(signal);
    const end = Math.min(rows, row + step);
    const magnitude = tensor.loadBlocks
      ? largestIn(format(tensor.format), await tensor.loadBlocks(row, end))
      : largestOfValues(await tensor.load(row, end));
    if (!Number.isFinite(magnitude)) throw notFinite(tensor, await tensor.load(row, end), row * columns);
    largest = Math.max(largest, magnitude);
  }
  return largest;
}

/** @param before values of the tensor in front of these */
function notFinite(tensor: ModelTensor, values: Float32Array, before: number): FormatError {
  const [, columns = 1] = tensor.shape;
  const first = values.findIndex((value) => !Number.isFinite(value));
  const at = before + first;
  const place = tensor.shape.length > 1 ? `row ${Math.floor(at / columns)}, column ${at % columns}` : `place ${at}`;
  const more = values.reduce((sum, value) => sum + (Number.isFinite(value) ? 0 : 1), -1);
  const others = more > 0 ? ` and ${more} more such value${more > 1 ? 's' : ''}` : '';
  return new FormatError(
    `${tensor.name}: holds ${values[first]} at ${place}${others}, so nothing can be computed with it; ` +
      'fetch the checkpoint again, or take an earlier one',
  );
}
