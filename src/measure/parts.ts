import type { ModelTensor } from '../model/types.ts';
import { expertName } from './experts.ts';

/** A run of rows that has been measured by itself. */
export interface MatrixPart {
  /** Name of its measurement. */
  readonly name: string;
  readonly startRow: number;
  readonly endRow: number;
}

/** A matrix is one part, stacked ones are a part each. */
export function partsOf({ name, shape, experts }: Pick<ModelTensor, 'name' | 'shape' | 'experts'>): MatrixPart[] {
  const [rows] = shape;
  if (experts === undefined) return [{ name, startRow: 0, endRow: rows }];
  const each = rows / experts;
  return Array.from({ length: experts }, (_, expert) => ({
    name: expertName(name, expert),
    startRow: expert * each,
    endRow: (expert + 1) * each,
  }));
}
