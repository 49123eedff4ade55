import type { MeasuredMatrix } from './types.ts';

/** Name that the measurement of one of several stacked matrices is filed under. */
export function expertName(tensor: string, expert: number): string {
  return `${tensor}[${expert}]`;
}

/** The tensor of the model that a measurement belongs to. */
export function wholeName({ tensor, expert }: Pick<MeasuredMatrix, 'tensor' | 'expert'>): string {
  return expert?.tensor ?? tensor;
}
