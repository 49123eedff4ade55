import { partOf, type WorkOptions } from '../../core/progress.ts';
import type { SensitivityTable } from '../../quantize/sensitivity.ts';
import type { Probe } from '../plan/corrections.ts';
import { pricedWeights } from '../plan/groups.ts';
import type { Judgement, PlanJudge } from './judge.ts';
import { probePlans } from './probes.ts';

/**
 * What predictions of any plan are corrected by: eight plans that are rounded and evaluated.
 * The judge remembers them, so the next budget costs none.
 * @param judge of held-out text, none of which later results are judged on
 */
export async function evaluateProbes(
  judge: PlanJudge,
  table: SensitivityTable,
  work: WorkOptions = {},
): Promise<Probe[]> {
  const matrices = pricedWeights(table).map(({ site, prices }, i) => ({
    name: site,
    kind: table.tensors[i].kind,
    formats: prices.map(({ option }) => option),
    losses: new Map(prices.map(({ option, loss }) => [option, loss])),
  }));
  const probes: Probe[] = [];
  const plans = probePlans(matrices);
  for (const [part, formats] of plans.entries()) {
    const plan = { version: 2, model: table.model, rounding: table.rounding, sites: formats } as const;
    const judgement = await judge.judge(plan, undefined, partOf(work, 'probing', part, plans.length));
    probes.push({
      matrices: matrices.map(({ name, kind, losses }) => {
        const format = formats[name];
        return { kind, format, loss: losses.get(format)! };
      }),
      ...probeResult(judgement),
    });
  }
  return probes;
}

/** What predictions learn from a judgement. */
export function probeResult({ evaluation, windows }: Judgement): Pick<Probe, 'kl' | 'windows'> {
  return { kl: evaluation.kl, windows };
}
