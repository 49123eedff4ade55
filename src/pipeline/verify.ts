import type { BitPlan } from '../allocate/types.ts';
import type { Estimate, Evaluation } from '../evaluate/types.ts';
import type { ModelTensor } from '../model/types.ts';
import type { SensitivityTable } from '../quantize/sensitivity.ts';
import { type Corrections, groupsOf, type MatrixKind, matrixKind, NO_CORRECTION } from './groups.ts';

/** A plan with what it was predicted to cost and what it did cost on held-out text. */
export interface VerifiedPlan {
  readonly plan: BitPlan;
  readonly evaluation: Evaluation;
}

export interface VerifyResult {
  /** The plan with the lowest measured KL. */
  readonly best: VerifiedPlan;
  /** Every plan tried, in order; the first is the uncorrected one. */
  readonly tried: readonly VerifiedPlan[];
  /** What the last plan was priced with. */
  readonly corrections: Corrections;
}

/** What verification needs to do; the pipeline supplies it. */
export interface Verifier {
  /** Solves for the same budget with corrected prices. */
  solve(corrections: Corrections): Promise<BitPlan>;
  /** Rounds the plan and compares the whole model with the original. */
  measure(plan: BitPlan): Promise<Evaluation>;
  /** KL with only some of the plan's matrices rounded. */
  probe(plan: BitPlan, only: (tensor: ModelTensor) => boolean): Promise<Estimate>;
}

const KINDS: readonly MatrixKind[] = ['embedding', 'attention', 'feedForward'];

/** Standard errors beyond which a prediction counts as wrong. */
const TOLERANCE = 2;

/** Below this KL the file is as good as the original, and no correction can matter. */
const NEGLIGIBLE = 1e-4;

/**
 * Measures the solved plan on held-out text. Where the prediction is off by more than its interval, measures each kind of
 * matrix by itself, corrects the prices of the kinds by what was found, solves again and keeps the better plan.
 */
export async function verify(table: SensitivityTable, verifier: Verifier, rounds = 1): Promise<VerifyResult> {
  let corrections = NO_CORRECTION;
  let plan = await verifier.solve(corrections);
  const tried: VerifiedPlan[] = [{ plan, evaluation: await verifier.measure(plan) }];
  for (let round = 0; round < rounds && !agrees(tried[tried.length - 1]); round++) {
    corrections = await correct(table, tried[tried.length - 1], verifier);
    const next = await verifier.solve(corrections);
    if (JSON.stringify(next.formats) === JSON.stringify(plan.formats)) break;
    plan = next;
    tried.push({ plan, evaluation: await verifier.measure(plan) });
  }
  const best = tried.reduce((a, b) => (b.evaluation.kl.mean < a.evaluation.kl.mean ? b : a));
  return { best, tried, corrections };
}

function agrees({ plan, evaluation: { kl } }: VerifiedPlan): boolean {
  const { kl: predicted, klError } = plan.prediction!;
  if (Math.max(kl.mean, predicted) < NEGLIGIBLE) return true;
  return Math.abs(kl.mean - predicted) <= TOLERANCE * Math.hypot(klError, kl.standardError);
}

/**
 * Measured ÷ predicted of each kind by itself, scaled so that together they give the whole plan's measured KL (kinds
 * interact). A kind predicted to cost nothing keeps its price.
 */
async function correct(
  table: SensitivityTable,
  { plan, evaluation }: VerifiedPlan,
  verifier: Verifier,
): Promise<Corrections> {
  const predicted = predictedByKind(table, plan);
  const measured = { embedding: 0, attention: 0, feedForward: 0 };
  for (const kind of KINDS) {
    const { mean } = await verifier.probe(plan, ({ role }) => matrixKind(role) === kind);
    measured[kind] = Math.max(mean, 0);
  }
  const sum = KINDS.reduce((total, kind) => total + measured[kind], 0);
  const joint = sum > 0 ? evaluation.kl.mean / sum : 1;
  const ratio = (kind: MatrixKind): number =>
    predicted[kind] > 0 && measured[kind] > 0 ? (measured[kind] * joint) / predicted[kind] : joint;
  return { embedding: ratio('embedding'), attention: ratio('attention'), feedForward: ratio('feedForward') };
}

function predictedByKind(table: SensitivityTable, plan: BitPlan): Record<MatrixKind, number> {
  const sums = { embedding: 0, attention: 0, feedForward: 0 };
  groupsOf(table).forEach(({ id, options }, i) => {
    sums[matrixKind(table.tensors[i].role)] += options.find((option) => option.id === plan.formats[id])!.loss;
  });
  return sums;
}
