import type { BitPlan } from '../../allocate/types.ts';
import type { SensitivityTable } from '../../quantize/sensitivity.ts';
import type { Corrections } from '../plan/corrections.ts';
import type { Planner } from '../plan/planner.ts';
import type { Judgement, PlanJudge } from './judge.ts';
import { probeResult } from './learn.ts';
import { type VerifyResult, verify } from './verify.ts';

/** What `quantize` verifies with. */
export interface RecallSetting {
  readonly planner: Planner;
  /** Of the windows that results are measured on, and of those that predictions learn from. */
  readonly judge: PlanJudge;
  readonly prober: PlanJudge;
  solve(corrections: Corrections): Promise<BitPlan>;
}

/** Something was not evaluated yet. */
class NotKnown extends Error {}

/** The verification that `quantize` made of the same budget, out of what it remembered; undefined where it made none. */
export async function recallVerified(
  table: SensitivityTable,
  { planner, judge, prober, solve }: RecallSetting,
): Promise<VerifyResult | undefined> {
  const known = (judgement: Judgement | undefined): Judgement => {
    if (judgement === undefined) throw new NotKnown();
    return judgement;
  };
  try {
    return await verify(table, {
      solve,
      predict: (plan, corrections) => planner.predict(plan, corrections),
      measure: async (plan) => known(await judge.known(plan)).evaluation,
      probe: async (plan, only) => probeResult(known(await prober.known(plan, only))),
    });
  } catch (error) {
    if (error instanceof NotKnown) return undefined;
    throw error;
  }
}
