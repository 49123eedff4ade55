import type { BitPlan } from '../../allocate/types.ts';
import type { Estimate, Evaluation } from '../../evaluate/types.ts';
import type { ModelTensor } from '../../model/types.ts';
import type { SensitivityTable } from '../../quantize/sensitivity.ts';
import {
  type Corrections,
  coarseness,
  learnCorrections,
  matrixKind,
  NO_CORRECTION,
  type Probe,
} from '../plan/corrections.ts';
import { groupsOf } from '../plan/groups.ts';

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
  measure(plan: BitPlan): Promise<Evaluation>;
  /** KL with only some of the plan's matrices rounded, on text that `measure` does not see. */
  probe(plan: BitPlan, only: (tensor: Named) => boolean): Promise<Estimate>;
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
  const learned = worth ? await probes(table, first, verifier) : [];
  const corrections = learnCorrections(learned);
  const tried = [{ plan: verifier.predict(first, corrections), evaluation: await verifier.measure(first) }];
  const next = worth ? await verifier.solve(corrections) : first;
  if (choiceKey(next) !== choiceKey(first)) tried.push({ plan: next, evaluation: await verifier.measure(next) });
  const best = tried.reduce((a, b) => (b.evaluation.kl.mean < a.evaluation.kl.mean ? b : a));
  return { best, tried, corrections, probes: learned };
}

/** All that a plan has chosen. */
export function choiceKey({ formats, cache, activations }: BitPlan): string {
  return JSON.stringify([formats, cache, activations]);
}

/** From this coarseness on a matrix is probed among the coarse ones: about 3.6 bits per weight and fewer. */
const COARSE = 0.25;

/** Shares of a kind's loss between which its coarse matrices are probed by themselves: outside there is nothing to tell apart. */
const TELLING = [0.1, 0.9] as const;

/** The whole plan, every kind of matrix alone, and of a kind with coarse and fine matrices the coarse ones alone. */
async function probes(table: SensitivityTable, plan: BitPlan, verifier: Verifier): Promise<Probe[]> {
  const matrices = groupsOf(table).map(({ id, options }, i) => {
    const { role } = table.tensors[i];
    const format = plan.formats[id];
    return { name: id, role, format, loss: options.find((option) => option.id === format)!.loss };
  });
  const isCoarse = ({ format }: { format: string }): boolean => coarseness(format) >= COARSE;
  const kinds = [...Map.groupBy(matrices, ({ role }) => matrixKind(role)).values()];
  const lossOf = (part: typeof matrices): number => part.reduce((sum, { loss }) => sum + loss, 0);
  const isTelling = (kind: typeof matrices): boolean => {
    const share = lossOf(kind.filter(isCoarse)) / lossOf(kind);
    return share > TELLING[0] && share < TELLING[1];
  };
  const parts = [matrices, ...kinds, ...kinds.filter(isTelling).map((kind) => kind.filter(isCoarse))];
  const found: Probe[] = [];
  for (const part of parts) {
    const names = new Set(part.map(({ name }) => name));
    found.push({ matrices: part, kl: await verifier.probe(plan, ({ name }) => names.has(name)) });
  }
  return found;
}
