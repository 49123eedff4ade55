import type { Kernels } from '../../kernels/contract.ts';
import { GROUP } from '../../numeric/search/points/points.ts';
import type { NumberFormat } from '../../numeric/types.ts';
import type { BlockRounder } from './block-rounder.ts';
import { PointRounder } from './point-rounder.ts';
import { ScalarRounder } from './scalar-rounder.ts';

/** Consecutive columns that the format rounds in one step; 0 when it knows no feedback. */
export function roundedTogether({ grid, points }: NumberFormat): number {
  return grid ? 1 : points ? GROUP : 0;
}

/** A rounder for `rows` rows of a format that knows feedback. */
export function blockRounder(kernels: Kernels, format: NumberFormat, rows: number): BlockRounder {
  if (format.grid) return new ScalarRounder(kernels, format, format.grid, rows);
  return new PointRounder(kernels, format, format.points!, rows);
}
