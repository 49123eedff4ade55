import { formats } from '../numeric/table.ts';
import type { ModelTensor } from './types.ts';

/** Whether a tensor can be given a format: vectors and routers stay float32, what is kept stays as it is. */
export function isMatrix({ shape, exact, kept }: Pick<ModelTensor, 'shape' | 'exact' | 'kept'>): boolean {
  return shape.length > 1 && exact !== true && kept !== true;
}

/** Format of a tensor that can be given none, in a GGUF file: what is kept has its own where GGUF knows it. */
export function fixedFormat({ shape, kept, format, loadBlocks }: ModelTensor): string {
  const isKept = kept === true && shape.length > 1 && loadBlocks !== undefined;
  return isKept && formats.get(format)?.gguf !== undefined ? format : 'F32';
}

/** Shape as files have it: stacked matrices with a dimension of their own. */
export function fileShape({ shape, experts }: Pick<ModelTensor, 'shape' | 'experts'>): readonly number[] {
  const [rows, ...columns] = shape;
  return experts === undefined ? shape : [experts, rows / experts, ...columns];
}
