import type { BitPlan } from '../../allocate/types.ts';
import type { Evaluation } from '../../evaluate/types.ts';
import type { ModelTensor } from '../../model/types.ts';
import type { SensitivityTable } from '../../quantize/sensitivity.ts';
import {
  type Corrections,
  coarseness,
  learnCorrections,
  NO_CORRECTION,
  type Probe,
  type ProbedMatrix,
  TYPICAL_CORRECTION,
} from '../plan/corrections.ts';
import { pricedWeights } from '../plan/groups.ts';
import { confronted } from '../plan/interval.ts';

/** A plan with what it was predicted to cost and what it did cost on held-out text. */
export interface VerifiedPlan {
  readonly plan: BitPlan;
  readonly evaluation: Evaluation;
}

export interface VerifyResult {
  /** The plan with the lowest measured KL. */
  readonly best: VerifiedPlan;
  /** Every plan tried, in order; the first was solved for uncorrected prices. */
  readonly tried: readonly VerifiedPlan[];
  /** What all predictions are corrected by. */
  readonly corrections: Corrections;
  /** What they were learned from. */
  readonly probes: readonly Probe[];
}

/** What verification needs to do; the pipeline supplies it. */
export interface Verifier {
  /** Solves for the same budget with corrected prices. */
  solve(corrections: Corrections): Promise<BitPlan>;
  /** The same plan, priced by corrected prices. */
  predict(plan: BitPlan, corrections: Corrections): BitPlan;
  /** Rounds what is not rounded yet and compares the whole model with the original. */
  measure(plan: BitPlan, part: Part): Promise<Evaluation>;
  /** KL with only some of the plan's matrices rounded, on text that `measure` does not see. */
  probe(plan: BitPlan, only: (tensor: Named) => boolean, part: Part): Promise<Pick<Probe, 'kl' | 'windows'>>;
}

/** Which of all evaluations, for progress, in evaluations of half a text: what came before it, all of them, its own size. */
export interface Part {
  readonly part: number;
  readonly parts: number;
  readonly size?: number;
}

/** Of a probe, of a plan, and of what the original makes of the text before the first of each. */
const PROBE_SIZE = 1;
const PLAN_SIZE = 2;
const ORIGINAL_SHARE = 0.7;

/** Parts of a verification, in order. */
function partsOfJob(probes: number, plans: number): Part[] {
  const sized = (count: number, size: number): number[] =>
    Array.from({ length: count }, (_, i) => (i === 0 ? size * (1 + ORIGINAL_SHARE) : size));
  const sizes = [...sized(probes, PROBE_SIZE), ...sized(plans, PLAN_SIZE)];
  const parts = sizes.reduce((sum, size) => sum + size, 0);
  return sizes.map((size, i) => ({ part: sizes.slice(0, i).reduce((sum, before) => sum + before, 0), parts, size }));
}

type Named = Pick<ModelTensor, 'name'>;

/** Below this KL the file is as good as the original, and no correction can matter. */
const NEGLIGIBLE = 1e-4;

/**
 * Learns from probes of the solved plan how far its prices are off, solves again with corrected ones, measures both on
 * held-out text and keeps the better. The probes see other text than that, so the prediction is one.
 */
export async function verify(table: SensitivityTable, verifier: Verifier): Promise<VerifyResult> {
  const first = await verifier.solve(NO_CORRECTION);
  const worth = first.prediction!.kl >= NEGLIGIBLE;
  const chosen = worth ? probedParts(table, first) : [];
  const parts = partsOfJob(chosen.length, worth ? 2 : 1);
  const probes: Probe[] = [];
  for (const [part, matrices] of chosen.entries()) {
    const names = new Set(matrices.map(({ name }) => name));
    probes.push({ matrices, ...(await verifier.probe(first, ({ name }) => names.has(name), parts[part])) });
  }
  const corrections = worth ? learnCorrections(probes) : TYPICAL_CORRECTION;
  const measure = async (plan: BitPlan, part: number): Promise<VerifiedPlan> => {
    const predicted = verifier.predict(plan, corrections);
    const evaluation = await verifier.measure(plan, parts[part]);
    return { plan: { ...predicted, prediction: confronted(predicted.prediction!, evaluation.kl.mean) }, evaluation };
  };
  const tried = [await measure(first, chosen.length)];
  const next = worth ? await verifier.solve(corrections) : first;
  if (choiceKey(next) !== choiceKey(first)) tried.push(await measure(next, chosen.length + 1));
  const best = tried.reduce((a, b) => (b.evaluation.kl.mean < a.evaluation.kl.mean ? b : a));
  return { best, tried, corrections, probes };
}

/** All that a plan has chosen. */
export function choiceKey({ sites }: BitPlan): string {
  return JSON.stringify(sites);
}

/** From this coarseness on a matrix is probed among the coarse ones: about 3.6 bits per weight and fewer. */
const COARSE = 0.25;

/** Shares of a kind's loss between which its coarse matrices are probed by themselves: outside there is nothing to tell apart. */
const TELLING = [0.1, 0.9] as const;

/** A matrix of a probe by name. */
interface NamedMatrix extends ProbedMatrix {
  readonly name: string;
}

/** The whole plan, every kind of matrix alone, and of a kind with coarse and fine matrices the coarse ones alone. */
function probedParts(table: SensitivityTable, plan: BitPlan): NamedMatrix[][] {
  const matrices: NamedMatrix[] = pricedWeights(table).map(({ site, prices }, i) => {
    const { kind } = table.tensors[i];
    const format = plan.sites[site];
    return { name: site, kind, format, loss: prices.find(({ option }) => option === format)!.loss };
  });
  const isCoarse = ({ format }: { format: string }): boolean => coarseness(format) >= COARSE;
  const kinds = [...Map.groupBy(matrices, ({ kind }) => kind).values()];
  const lossOf = (part: typeof matrices): number => part.reduce((sum, { loss }) => sum + loss, 0);
  const isTelling = (kind: typeof matrices): boolean => {
    const share = lossOf(kind.filter(isCoarse)) / lossOf(kind);
    return share > TELLING[0] && share < TELLING[1];
  };
  return [matrices, ...kinds, ...kinds.filter(isTelling).map((kind) => kind.filter(isCoarse))];
}
