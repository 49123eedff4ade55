import type { WorkOptions } from '../../core/progress.ts';
import type { SensitivityTable } from '../../quantize/sensitivity.ts';
import { type Corrections, learnCorrections, type Probe } from '../plan/corrections.ts';
import { groupsOf } from '../plan/groups.ts';
import type { PlanJudge } from './judge.node.ts';
import { probePlans } from './probes.ts';

/**
 * What predictions of any plan are corrected by: eight plans are rounded, evaluated and compared with their predictions.
 * The judge remembers them, so the next budget costs none.
 * @param judge of held-out text, none of which later results are judged on
 */
export async function learnFromProbes(
  judge: PlanJudge,
  table: SensitivityTable,
  work: WorkOptions = {},
): Promise<{ readonly corrections: Corrections; readonly probes: readonly Probe[] }> {
  const matrices = groupsOf(table).map(({ id, options }, i) => ({
    name: id,
    role: table.tensors[i].role,
    formats: options.map((option) => option.id),
    losses: new Map(options.map((option) => [option.id, option.loss])),
  }));
  const probes: Probe[] = [];
  const plans = probePlans(matrices);
  for (const formats of plans) {
    const plan = { version: 1, model: table.model, rounding: table.rounding, formats } as const;
    const { evaluation } = await judge.judge(plan, undefined, work);
    probes.push({
      matrices: matrices.map(({ name, role, losses }) => {
        const format = formats[name];
        return { role, format, loss: losses.get(format)! };
      }),
      kl: evaluation.kl,
    });
    work.onProgress?.({ stage: 'probing', done: probes.length, total: plans.length, unit: 'plans' });
  }
  return { corrections: learnCorrections(probes), probes };
}
