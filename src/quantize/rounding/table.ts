import { UsageError } from '../../core/errors.ts';
import { type RoundingMethod, type RoundingName, roundingNames } from '../types.ts';
import { gptq } from './gptq.ts';
import { nearest } from './nearest.ts';

/** Every rounding method by name. */
export const roundingMethods: Readonly<Record<RoundingName, RoundingMethod>> = { gptq, nearest };

export function roundingMethod(name: string): RoundingMethod {
  const known = roundingNames.find((candidate) => candidate === name);
  if (known === undefined)
    throw new UsageError(`rounding ${name} is not known; expected one of ${roundingNames.join(', ')}`);
  return roundingMethods[known];
}
