import type { Command } from 'commander';
import { wholeNumber } from './options.ts';

/** Text that verbs measure and verify on. */
export interface TextOptions {
  readonly calibration?: readonly string[];
  readonly calibrationTokens: number;
  readonly evaluation?: readonly string[];
  readonly evaluationTokens: number;
}

/** Tokens measured on by default: enough for the factors of rows up to a few thousand columns. */
const CALIBRATION_TOKENS = 16384;
/** Tokens verified on by default, half of them scored: a standard error of a few percent of the KL. */
const EVALUATION_TOKENS = 8192;

export function addTextOptions(command: Command): Command {
  return command
    .option(
      '--calibration <files...>',
      'text to measure on, plain or .gz; default the package’s own public-domain books',
    )
    .option('--calibration-tokens <n>', 'most tokens to measure on', wholeNumber(2), CALIBRATION_TOKENS)
    .option('--evaluation <files...>', 'held-out text to verify on; default the package’s own, other books')
    .option('--evaluation-tokens <n>', 'most tokens to verify on', wholeNumber(2), EVALUATION_TOKENS);
}
