import type { Kernels } from '../kernels/contract.ts';
import type { ModelTensor } from '../model/types.ts';
import { format } from '../numeric/table.ts';

/** Values that are read and decoded at a time. */
const CHUNK_VALUES = 2 ** 22;

/** A whole tensor as float32 in the backend's memory. */
export async function loadTensor(kernels: Kernels, tensor: ModelTensor): Promise<Float32Array> {
  const values = kernels.f32(tensor.shape.reduce((product, size) => product * size, 1));
  try {
    await loadRows(kernels, tensor, 0, tensor.shape[0], values);
    return values;
  } catch (error) {
    kernels.free(values);
    throw error;
  }
}

/**
 * Rows [start, end) of a tensor as float32. Blocks are decoded by the backend's threads, where the values are wanted.
 * @param values [end − start, columns] out, in the backend's memory
 */
export async function loadRows(
  kernels: Kernels,
  tensor: ModelTensor,
  start: number,
  end: number,
  values: Float32Array,
): Promise<void> {
  const columns = tensor.shape.length > 1 ? tensor.shape[1] : 1;
  const step = Math.max(1, Math.floor(CHUNK_VALUES / columns));
  for (let row = start; row < end; row += step) {
    const last = Math.min(end, row + step);
    const part = values.subarray((row - start) * columns, (last - start) * columns);
    if (tensor.loadBlocks === undefined) {
      part.set(await tensor.load(row, last));
      continue;
    }
    const source = await tensor.loadBlocks(row, last);
    const blocks = kernels.u8(source.length);
    blocks.set(source);
    try {
      kernels.decode(format(tensor.format), blocks, columns, part);
    } finally {
      kernels.free(blocks);
    }
  }
}
