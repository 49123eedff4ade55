import type { Command } from 'commander';
import { InvalidArgumentError } from 'commander';
import type { BitPlan } from '../../allocate/types.ts';
import { UsageError } from '../../core/errors.ts';
import { isActivationWidth } from '../../model/activation-bits.ts';
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

/** Line on the activations of a plan; none where they were not planned. */
export function describeActivations({ activations, prediction }: BitPlan): string[] {
  if (activations === undefined) return [];
  const counts = new Map<number, number>();
  for (const bits of Object.values(activations)) counts.set(bits, (counts.get(bits) ?? 0) + 1);
  const shares = [...counts].sort((a, b) => b[0] - a[0]).map(([bits, count]) => `${bits} bits of ${count} matrices`);
  const share =
    prediction?.activationKl === undefined ? '' : `; KL ${prediction.activationKl.toFixed(6)} of the prediction`;
  return [`inputs     ${shares.join(', ')}${share}`];
}
