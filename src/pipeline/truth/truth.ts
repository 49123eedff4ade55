import { FormatError } from '../../core/errors.ts';
import type { Choice, PlanKind, TruthPlan } from './plans.ts';

/** A plan with what it does cost on held-out text. */
export interface TruePlan extends TruthPlan {
  /** Mean KL divergence from the original over all positions of the windows, nats per token, and its standard error. */
  readonly kl: number;
  readonly klError: number;
  /** Over the second half of every window, what `eval` scores. */
  readonly secondHalf: number;
  readonly perplexity: number;
}

/** Plans of one model with their true loss: what metrics are judged by. */
export interface Truth {
  readonly version: 1;
  /** `Model.fingerprint()` */
  readonly model: string;
  readonly name: string;
  readonly rounding: string;
  /** SHA-256 of the calibration tokens whose even sequences rounding saw. */
  readonly calibration: string;
  /** SHA-256 of the evaluated tokens, how many, and how many a window has. */
  readonly evaluation: { readonly text: string; readonly tokens: number; readonly length: number };
  readonly perplexity: number;
  /** Matrices in the order of choices. */
  readonly tensors: readonly string[];
  /** Formats of every matrix, fewest bits first. */
  readonly palettes: readonly (readonly string[])[];
  /** Σ δW² of every candidate: tells whether today's rounding is the one that the plans were made with. */
  readonly squaredErrors: readonly (readonly number[])[];
  readonly plans: readonly TruePlan[];
}

/** Digits of the stored numbers. */
const DIGITS = 5;

/** JSON with one plan a line: `[kind, digits of the choice, kl, klError, secondHalf, perplexity]`. */
export function truthToJson(truth: Truth): string {
  const { plans, tensors, palettes, squaredErrors, ...facts } = truth;
  const distinct = [...new Map(palettes.map((formats) => [formats.join(), formats])).values()];
  const index = new Map(distinct.map((formats, i) => [formats.join(), i]));
  const head = JSON.stringify({ ...facts, palettes: distinct }).slice(0, -1);
  const rows = tensors.map((name, i) =>
    JSON.stringify([name, index.get(palettes[i].join()), squaredErrors[i].map(rounded)]),
  );
  const lines = plans.map(({ kind, choice, kl, klError, secondHalf, perplexity }) =>
    JSON.stringify([kind, choice.join(''), ...[kl, klError, secondHalf, perplexity].map(rounded)]),
  );
  return `${head},\n"tensors":[\n${rows.join(',\n')}],\n"plans":[\n${lines.join(',\n')}]}\n`;
}

function rounded(value: number): number {
  return Number(value.toPrecision(DIGITS));
}

type Row = [string, number, number[]];
type Line = [PlanKind, string, number, number, number, number];

/** @throws FormatError when the text is no truth of version 1 */
export function truthFromJson(text: string): Truth {
  const raw = parsed(text);
  const shared = raw.palettes as string[][];
  const rows = raw.tensors as Row[];
  const palettes = rows.map(([name, palette]) => {
    if (!shared[palette]) throw new FormatError(`truth: ${name} has palette ${palette}, there are ${shared.length}`);
    return shared[palette];
  });
  const plans = (raw.plans as Line[]).map(([kind, digits, kl, klError, secondHalf, perplexity]): TruePlan => {
    const choice: Choice = Array.from(digits, Number);
    if (choice.length !== rows.length || choice.some((option, i) => !(option < palettes[i].length)))
      throw new FormatError(`truth: plan ${digits} is no choice for ${rows.length} matrices`);
    return { kind, choice, kl, klError, secondHalf, perplexity };
  });
  return {
    ...(raw as unknown as Truth),
    tensors: rows.map(([name]) => name),
    palettes,
    squaredErrors: rows.map(([, , errors]) => errors),
    plans,
  };
}

function parsed(text: string): Record<string, unknown> {
  let raw: Record<string, unknown>;
  try {
    raw = JSON.parse(text) as Record<string, unknown>;
  } catch {
    throw new FormatError('truth: not JSON');
  }
  if (raw?.version !== 1) throw new FormatError(`truth: version ${String(raw?.version)}, expected 1`);
  for (const key of ['palettes', 'tensors', 'plans'])
    if (!Array.isArray(raw[key])) throw new FormatError(`truth: ${key} is missing`);
  return raw;
}
