import { UsageError } from '../../core/errors.ts';
import { type RoundingMethod, type RoundingName, roundingNames } from '../types.ts';
import { gptq } from './gptq.ts';
import { llama } from './llama/llama.ts';
import { nearest } from './nearest.ts';

/** Every rounding method by name. */
export const roundingMethods: Readonly<Record<RoundingName, RoundingMethod>> = {
  gptq,
  nearest,
  'llama-quantize': llama,
};

export function roundingMethod(name: string): RoundingMethod {
  if (!Object.hasOwn(roundingMethods, name))
    throw new UsageError(`rounding ${name} is not known; expected one of ${roundingNames.join(', ')}`);
  return roundingMethods[name as RoundingName];
}
