import { solvers } from '../../allocate/solvers/table.ts';
import type { BitPlan, Objective } from '../../allocate/types.ts';
import type { WorkOptions } from '../../core/progress.ts';
import type { SensitivityTable } from '../../quantize/sensitivity.ts';
import type { Planner } from '../plan/planner.ts';
import type { Budgets } from '../resources/table.ts';
import type { Judgement, PlanJudge } from './judge.ts';
import { probeResult } from './learn.ts';
import { choiceKey, verify } from './verify.ts';

/** Which solver makes the plan, and how many true evaluations it may spend if it searches by them. */
export interface SolverChoice {
  /** Name of the solver; default the first of the table that takes the problem. */
  readonly solver?: string;
  /** Default the solver's own. */
  readonly evaluations?: number;
  /** What is made least; default the sum of all losses. */
  readonly objective?: Objective;
  /** Most different formats in the plan; default any number. */
  readonly mostFormats?: number;
  readonly seed?: number;
}

/** True evaluations that a solver spends; undefined for solvers that need none. */
export function evaluationsOf({ solver, evaluations }: SolverChoice): number | undefined {
  const own = solver === undefined ? undefined : solvers.get(solver)?.evaluations;
  return own === undefined ? undefined : (evaluations ?? own);
}

/**
 * The best of the plans whose true loss is measured: the additive optimum, that of prices corrected by what measuring it
 * taught, and what the solver tries from the better of the two. Its loss is the least of many on this text, and so somewhat too low:
 * verify it on another.
 */
export async function searchPlan(
  planner: Planner,
  table: SensitivityTable,
  budgets: Budgets,
  judge: PlanJudge,
  choice: SolverChoice,
  work: WorkOptions = {},
): Promise<BitPlan> {
  const { seed, mostFormats } = choice;
  const silent = { signal: work.signal };
  const { best, tried, corrections } = await verify(table, {
    solve: (found) => planner.plan(budgets, { corrections: found, seed, mostFormats }),
    predict: (plan, found) => planner.predict(plan, found),
    measure: async (plan) => (await judge.judge(plan, undefined, work)).evaluation,
    probe: async (plan, only) => probeResult(await judge.judge(plan, only, silent)),
  });
  const judged = new Map<string, Judgement>();
  const total = evaluationsOf(choice)!;
  let least = best.evaluation.kl.mean;
  const searched = await planner.plan(budgets, {
    ...choice,
    // Of both prices, those whose optimum is truly better.
    corrections: best === tried[0] ? undefined : corrections,
    evaluate: async (plan) => {
      const judgement = await judge.judge(plan, undefined, silent);
      judged.set(choiceKey(plan), judgement);
      const { mean } = judgement.evaluation.kl;
      least = Math.min(least, mean);
      const detail = `KL ${least.toPrecision(4)}`;
      work.onProgress?.({ stage: 'searching', done: judged.size, total, unit: 'plans', detail });
      return mean;
    },
  });
  const additive = best.evaluation.kl;
  const found = judged.get(choiceKey(searched))!.evaluation.kl;
  const [plan, kl] = found.mean < additive.mean ? [searched, found] : [best.plan, additive];
  return {
    ...plan,
    search: {
      solver: choice.solver!,
      evaluations: judged.size,
      tokens: judge.tokens,
      kl: kl.mean,
      klError: kl.standardError,
      startKl: additive.mean,
    },
  };
}
