import type { TokenBatch } from '../measure/plan.ts';
import type { Model } from '../model/types.ts';
import { fileFacts } from './facts.ts';
import type { Host } from './host/types.ts';
import type { FileFacts } from './plan/notes.ts';
import type { QuantizeOptions, Target } from './quantize-options.ts';
import type { Deployment } from './resources/types.ts';
import { CALIBRATION_TOKENS, EVALUATION_TOKENS } from './text-amounts.ts';
import { calibrationTokens, type HeldOut, heldOutTokens, sequenceLength, type TextChoice } from './texts.ts';
import type { SolverChoice } from './verify/search.ts';

/** A text to measure or to verify on; default the package's own books, and as many tokens as usual. */
export type JobText = Partial<TextChoice>;

/** The main job as a value: what is asked for, whoever asks. */
export interface Job extends SolverChoice, Deployment {
  /** What is written, as the host calls it. */
  readonly output: string;
  readonly target: Target;
  /** How weights are rounded, default `gptq`. */
  readonly rounding?: QuantizeOptions['rounding'];
  /** Formats to choose from, default all that GGUF holds. */
  readonly palette?: readonly string[];
  /** Bits that the inputs of matrices may be rounded to; default none. */
  readonly activations?: readonly number[];
  /** Text to measure on; false measures nothing, which only plans of plain rounding allow. */
  readonly calibration?: JobText | false;
  /** Held-out text to verify on, and for solvers that search by true losses. */
  readonly evaluation?: JobText;
  /** Whether the result is measured against the original; default true. */
  readonly verify?: boolean;
  /** Where work is kept, as the host calls it; default the user's own place. */
  readonly folder?: string;
}

/** Texts of a job, read when a step asks for them, and what files tell of them. */
export interface JobTexts {
  readonly calibration: () => Promise<TokenBatch>;
  readonly evaluation: () => Promise<HeldOut>;
  readonly facts: FileFacts;
}

/** @param seed of the sequences that are measured on */
export async function jobTexts(
  host: Host,
  model: Model,
  {
    calibration,
    evaluation,
    seed = 0,
  }: { readonly calibration?: JobText; readonly evaluation?: JobText; readonly seed?: number },
): Promise<JobTexts> {
  const measured = { files: calibration?.files, tokens: calibration?.tokens ?? CALIBRATION_TOKENS };
  const verified = { files: evaluation?.files, tokens: evaluation?.tokens ?? EVALUATION_TOKENS };
  return {
    calibration: () => calibrationTokens(host, model, measured, seed),
    evaluation: () => heldOutTokens(host, model, verified),
    facts: await fileFacts(host, model, measured.files),
  };
}

/** All that a job is done with on a host. */
export async function jobOptions(host: Host, model: Model, job: Job): Promise<QuantizeOptions> {
  const { calibration, evaluation, verify = true, rounding = 'gptq', seed, ...rest } = job;
  const texts = await jobTexts(host, model, { calibration: calibration || undefined, evaluation, seed });
  return {
    ...{ ...rest, seed, rounding },
    calibration: calibration === false ? undefined : texts.calibration,
    evaluation: verify ? texts.evaluation : undefined,
    searchText: async () => (await texts.evaluation()).searched,
    evaluationLength: sequenceLength(model),
    facts: calibration === false ? { ...texts.facts, calibration: undefined } : texts.facts,
  };
}
