import type { Command } from 'commander';
import { InvalidArgumentError } from 'commander';
import { UsageError } from '../../core/errors.ts';
import { isActivationWidth } from '../../model/edge-options.ts';
import type { BudgetOptions } from './budgets.ts';

/** Bits that activations may be rounded to. */
export interface ActivationOptions {
  readonly activations?: readonly number[];
}

export function addActivationOptions(command: Command): Command {
  return command.option(
    '--activations <bits...>',
    'bits that inputs of matrices may be rounded to, such as 16 8 6 4, chosen within --max-bops; default none',
    (text, before: number[] = []) => [...before, activationBits(text)],
  );
}

/** Parser of one number of bits. */
export function activationBits(text: string): number {
  const bits = Number(text);
  if (isActivationWidth(bits)) return bits;
  throw new InvalidArgumentError('Expected 3 to 16 bits.');
}

/** @throws UsageError where nothing would be gained by fewer bits */
export function checkActivationOptions({ activations, maxBops }: ActivationOptions & BudgetOptions): void {
  if (activations !== undefined && maxBops === undefined)
    throw new UsageError('--activations saves bit operations; give their budget with --max-bops too');
}
