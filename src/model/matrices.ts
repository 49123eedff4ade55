import type { ModelTensor } from './types.ts';

/** Whether a tensor can be given a format: vectors and routers stay float32. */
export function isMatrix({ shape, exact }: Pick<ModelTensor, 'shape' | 'exact'>): boolean {
  return shape.length > 1 && exact !== true;
}

/** Shape as files have it: stacked matrices with a dimension of their own. */
export function fileShape({ shape, experts }: Pick<ModelTensor, 'shape' | 'experts'>): readonly number[] {
  const [rows, ...columns] = shape;
  return experts === undefined ? shape : [experts, rows / experts, ...columns];
}
