import { UsageError } from '../../core/errors.ts';
import type { RoundingMethod } from '../types.ts';
import { gptq } from './gptq.ts';
import { nearest } from './nearest.ts';

/** Every rounding method; the first is the default. */
export const roundingMethods: readonly RoundingMethod[] = [gptq, nearest];

export function roundingMethod(name: string): RoundingMethod {
  const method = roundingMethods.find((candidate) => candidate.name === name);
  if (method === undefined) {
    throw new UsageError(
      `rounding ${name} is not known; expected one of ${roundingMethods.map((m) => m.name).join(', ')}`,
    );
  }
  return method;
}
