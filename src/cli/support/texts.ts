import type { Command } from 'commander';
import type { Model } from '../../model/types.ts';
import { CALIBRATION_TOKENS, EVALUATION_TOKENS } from '../../pipeline/text-amounts.ts';
import { GROUP } from './help.ts';
import { type OutputOptions, wholeNumber } from './options.ts';

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

export function addCalibrationOptions(command: Command): Command {
  return command
    .optionsGroup(GROUP.text)
    .option(
      '--calibration <files...>',
      'text to measure on: .txt, .jsonl of chats or texts, .parquet, each also .gz, or folders; default the package’s own public-domain books',
    )
    .option('--calibration-tokens <n>', 'most tokens to measure on', wholeNumber(2), CALIBRATION_TOKENS);
}

export function addEvaluationOptions(command: Command): Command {
  return command
    .optionsGroup(GROUP.text)
    .option(
      '--evaluation <files...>',
      'text to verify on, like --calibration; default the package’s own, other public-domain books',
    )
    .option('--evaluation-tokens <n>', 'most tokens to verify on', wholeNumber(2), EVALUATION_TOKENS);
}

/**
 * Refuses texts that are too short, before any work, and says on stderr what to know of them.
 * @param options what was asked for; a text that is not used is left out
 * @param context tokens per window of the evaluation, default the model's
 */
export async function checkTexts(
  model: Model,
  options: OutputOptions & Partial<CalibrationOptions & EvaluationOptions>,
  context?: number,
): Promise<void> {
  const { calibration, calibrationTokens, evaluation, evaluationTokens } = options;
  const { nodeHost } = await import('../../pipeline/host/node.ts');
  const { textNotices } = await import('../../pipeline/texts.ts');
  const notices = await textNotices(nodeHost, model, {
    calibration: calibrationTokens === undefined ? undefined : { files: calibration, tokens: calibrationTokens },
    evaluation: evaluationTokens === undefined ? undefined : { files: evaluation, tokens: evaluationTokens },
    context,
  });
  if (!options.quiet) for (const line of notices) console.error(`bitbudget: ${line}`);
}
