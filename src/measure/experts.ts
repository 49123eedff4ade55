import type { MeasuredExpert, MeasuredMatrix } from './types.ts';

/** Name that the measurement of one of several stacked matrices is filed under. */
export function expertName(tensor: string, expert: number): string {
  return `${tensor}[${expert}]`;
}

/** The tensor of the model that a measurement belongs to. */
export function wholeName({ tensor, expert }: Pick<MeasuredMatrix, 'tensor' | 'expert'>): string {
  return expert?.tensor ?? tensor;
}

/** Tokens of a half below which an expert is hardly reached: its factors are filled up to so many with average ones. */
export const HARDLY_REACHED = 16;

/** Whether an expert got too few tokens of a half to be known by them alone; matrices by themselves never. */
export function isHardlyReached(expert: Pick<MeasuredExpert, 'tokens'> | undefined): boolean {
  return expert !== undefined && Math.min(...expert.tokens) < HARDLY_REACHED;
}
