import type { Command } from 'commander';
import { GROUP } from './help.ts';
import { wholeNumber } from './options.ts';

/** Text that verbs measure on. */
export interface CalibrationOptions {
  readonly calibration?: readonly string[];
  readonly calibrationTokens: number;
}

/** Text that verbs verify on. */
export interface EvaluationOptions {
  readonly evaluation?: readonly string[];
  readonly evaluationTokens: number;
}

/** Tokens measured on by default: enough for the factors of rows up to a few thousand columns. */
const CALIBRATION_TOKENS = 16384;
/** Tokens verified on by default, half of them scored: a standard error of a few percent of the KL. */
const EVALUATION_TOKENS = 8192;

export function addCalibrationOptions(command: Command): Command {
  return command
    .optionsGroup(GROUP.text)
    .option(
      '--calibration <files...>',
      'text to measure on, plain or .gz; default the package’s own public-domain books',
    )
    .option('--calibration-tokens <n>', 'most tokens to measure on', wholeNumber(2), CALIBRATION_TOKENS);
}

export function addEvaluationOptions(command: Command): Command {
  return command
    .optionsGroup(GROUP.text)
    .option(
      '--evaluation <files...>',
      'text to verify on, plain or .gz; default the package’s own, other public-domain books',
    )
    .option('--evaluation-tokens <n>', 'most tokens to verify on', wholeNumber(2), EVALUATION_TOKENS);
}
