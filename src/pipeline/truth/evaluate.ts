import { solveMany } from '../../allocate/solve.ts';
import { sha256Hex } from '../../core/hash.ts';
import type { Memory } from '../../core/memory.ts';
import type { WorkOptions } from '../../core/progress.ts';
import { type ReferenceStates, referenceStates, scoreModels } from '../../evaluate/evaluate.ts';
import type { TokenScores } from '../../evaluate/scores.ts';
import { estimate } from '../../evaluate/summary.ts';
import type { Kernels } from '../../kernels/contract.ts';
import type { Model } from '../../model/types.ts';
import type { SensitivityTable } from '../../quantize/sensitivity.ts';
import { Planner } from '../plan/planner.ts';
import { coarsePalette, type RoundedCandidates } from './candidates.ts';
import { type Choice, drawPlans, type Palette, type TruthPlan } from './plans.ts';
import type { TruePlan, Truth } from './truth.ts';

/** A true plan as it is remembered. */
export interface EvaluatedPlan extends TruePlan {
  readonly referencePerplexity: number;
}

export interface TruthOptions extends WorkOptions {
  /** Plans to evaluate, about. */
  readonly plans: number;
  readonly seed: number;
  /** Held-out tokens and how many a window has. */
  readonly tokens: Int32Array;
  readonly length: number;
  /** SHA-256 of the calibration tokens. */
  readonly calibration: string;
  readonly name: string;
  /** Remembers evaluated plans. */
  readonly memory: Memory<EvaluatedPlan>;
}

/**
 * True KL and perplexity of many plans, float32 on both sides, every position of every window scored. An interrupted
 * run goes on where it stopped.
 * @param table prices of the coarse candidates: for the best plans among those drawn
 */
export async function makeTruth(
  kernels: Kernels,
  model: Model,
  candidates: RoundedCandidates,
  table: SensitivityTable,
  options: TruthOptions,
): Promise<Truth> {
  const { tokens, length, signal, onProgress } = options;
  const palettes = candidates.tensors.map((tensor) => ({ tensor, formats: coarsePalette(tensor) }));
  const planner = new Planner({ model, table });
  const plans = drawPlans(palettes, options.plans, options.seed, (sizes) => bestChoices(planner, palettes, sizes));
  const states = await referenceStates(kernels, model, tokens, { length, firstScored: 0, signal });
  const text = await sha256Hex(new Uint8Array(Int32Array.from(tokens).buffer));
  const evaluated: EvaluatedPlan[] = [];
  for (const plan of plans) {
    const key = JSON.stringify(['truth', candidates.rounding, text, length, plan.choice.join('')]);
    let found = await options.memory.get(key);
    if (found === undefined) {
      const scores = await scorePlan(kernels, model, candidates, palettes, plan, states, options);
      found = evaluatedPlan(plan, scores, length);
      await options.memory.put(key, found);
    }
    evaluated.push({ ...found, kind: plan.kind });
    onProgress?.({ stage: 'evaluating', done: evaluated.length, total: plans.length, unit: 'plans' });
  }
  return {
    version: 1,
    model: await model.fingerprint(),
    name: options.name,
    rounding: candidates.rounding,
    calibration: options.calibration,
    evaluation: { text, tokens: tokens.length, length },
    perplexity: evaluated[0].referencePerplexity,
    tensors: candidates.tensors.map(({ name }) => name),
    palettes: palettes.map(({ formats }) => formats),
    squaredErrors: await squaredErrors(candidates),
    plans: evaluated,
  };
}

function bestChoices(planner: Planner, palettes: readonly Palette[], sizes: number): Choice[] {
  const groups = planner.groups().map(({ id, options }, i) => ({
    id,
    options: options.filter((option) => palettes[i].formats.includes(option.id)),
  }));
  const total = (pick: (...bytes: number[]) => number): number =>
    groups.reduce((sum, { options }) => sum + pick(...options.map(({ costs }) => costs.bytes)), 0);
  const [least, most] = [total(Math.min), total(Math.max)];
  const budgets = Array.from({ length: sizes }, (_, i) => Math.ceil(least + ((most - least) * (i + 0.5)) / sizes));
  return solveMany(groups, 'bytes', budgets).map(({ choice }) =>
    choice.map((option, i) => palettes[i].formats.indexOf(groups[i].options[option].id)),
  );
}

async function scorePlan(
  kernels: Kernels,
  model: Model,
  candidates: RoundedCandidates,
  palettes: readonly Palette[],
  { choice }: TruthPlan,
  states: ReferenceStates,
  { tokens, length, signal }: TruthOptions,
): Promise<TokenScores> {
  const formats = Object.fromEntries(palettes.map(({ tensor, formats }, i) => [tensor.name, formats[choice[i]]]));
  const options = { length, firstScored: 0, referenceStates: states, signal };
  return await scoreModels(kernels, model, candidates.model(formats), tokens, options);
}

function evaluatedPlan(plan: TruthPlan, scores: TokenScores, length: number): EvaluatedPlan {
  const perWindow = length - 1;
  const kl = estimate(scores.kl);
  const late = scores.kl.filter((_, i) => i % perWindow >= length / 2);
  return {
    ...plan,
    kl: kl.mean,
    klError: kl.standardError,
    secondHalf: estimate(late).mean,
    perplexity: Math.exp(estimate(scores.nll).mean),
    referencePerplexity: Math.exp(estimate(scores.nllReference).mean),
  };
}

/** Σ δW² of every candidate. */
export async function squaredErrors(candidates: RoundedCandidates): Promise<number[][]> {
  const all: number[][] = [];
  for (const tensor of candidates.tensors) {
    const row: number[] = [];
    for (const name of coarsePalette(tensor)) {
      const delta = await candidates.delta(tensor, name);
      row.push(delta.reduce((sum, value) => sum + value * value, 0));
    }
    all.push(row);
  }
  return all;
}
