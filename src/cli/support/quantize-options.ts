import { isPlain as isPlainFormat } from '../../pipeline/plain.ts';
import type { RoundingName } from '../../quantize/types.ts';
import type { ActivationOptions } from './activations.ts';
import type { BudgetOptions } from './budgets.ts';
import { mixBits } from './formats.ts';
import type { KeptOptions } from './kept.ts';
import type { OutputOptions } from './options.ts';
import type { SolverOptions } from './solver.ts';
import type { CalibrationOptions, EvaluationOptions } from './texts.ts';

export interface QuantizeCommandOptions
  extends OutputOptions,
    KeptOptions,
    BudgetOptions,
    ActivationOptions,
    SolverOptions,
    CalibrationOptions,
    EvaluationOptions {
  readonly output?: string;
  readonly type?: string;
  readonly plan?: string;
  readonly rounding: RoundingName;
  readonly palette?: readonly string[];
  readonly verify: boolean;
  readonly peers?: boolean;
  readonly peer?: readonly string[];
  readonly report: boolean;
  readonly modelCard?: string;
  readonly seed: number;
  readonly threads: number;
  readonly dryRun?: boolean;
  readonly yes?: boolean;
}

/** Names of mixes, such as Q4_K_M, stand for budgets. */
export function isPlain({
  type,
  ...choice
}: Pick<QuantizeCommandOptions, 'type' | 'rounding' | 'calibration'>): boolean {
  return type !== undefined && mixBits(type) === undefined && isPlainFormat({ ...choice, format: type });
}

/** Plain files are verified where text to verify on is given, or something to compare them with. */
export function isVerified(options: QuantizeCommandOptions): boolean {
  return (
    options.verify &&
    (!isPlain(options) || [options.evaluation, options.peers, options.peer].some((each) => each !== undefined))
  );
}
