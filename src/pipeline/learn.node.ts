import { sha256Hex } from '../core/hash.ts';
import { evaluateModels, type ReferenceStates, referenceStates } from '../evaluate/evaluate.ts';
import type { Estimate } from '../evaluate/types.ts';
import type { Measurement } from '../measure/types.ts';
import { encodePlan } from '../quantize/encode.ts';
import { quantizedModel } from '../quantize/quantized.ts';
import type { SensitivityTable } from '../quantize/sensitivity.ts';
import { type Corrections, learnCorrections, type Probe } from './corrections.ts';
import { groupsOf } from './groups.ts';
import { probePlans } from './probes.ts';
import type { Session } from './session.node.ts';
import { sequenceLength } from './texts.node.ts';
import type { Workspace } from './workspace.node.ts';

/**
 * What predictions of any plan are corrected by: eight plans are rounded, evaluated and compared with their predictions.
 * Evaluations are remembered, so the next budget costs none.
 * @param tokens held-out text, none of which later results are judged on
 */
export async function learnFromProbes(
  session: Session,
  measurement: Measurement,
  workspace: Workspace,
  table: SensitivityTable,
  tokens: Int32Array,
): Promise<Corrections> {
  const { kernels, model, runner, options } = session;
  const groups = groupsOf(table);
  const matrices = groups.map(({ id, options }, i) => ({
    name: id,
    role: table.tensors[i].role,
    formats: options.map((option) => option.id),
    losses: new Map(options.map((option) => [option.id, option.loss])),
  }));
  const text = await sha256Hex(new Uint8Array(Int32Array.from(tokens).buffer));
  const length = sequenceLength(model);
  const memory = workspace.memory<Estimate>();
  let states: ReferenceStates | undefined;
  const evaluate = async (formats: Record<string, string>): Promise<Estimate> => {
    const plan = { version: 1, model: table.model, rounding: table.rounding, formats } as const;
    await encodePlan(model, plan, measurement, runner, workspace.blocks(), options);
    states ??= await referenceStates(kernels, model, tokens, { ...options, length });
    const candidate = quantizedModel(model, plan, workspace.blocks());
    return (await evaluateModels(kernels, model, candidate, tokens, { length, referenceStates: states, ...options }))
      .kl;
  };
  const probes: Probe[] = [];
  const plans = probePlans(matrices);
  for (const [done, formats] of plans.entries()) {
    const key = JSON.stringify(['probe', table.rounding, text, length, Object.values(formats)]);
    const kl = (await memory.get(key)) ?? (await evaluate(formats));
    await memory.put(key, kl);
    probes.push({
      matrices: matrices.map(({ name, role, losses }) => ({
        role,
        format: formats[name],
        loss: losses.get(formats[name])!,
      })),
      kl,
    });
    options.onProgress?.({ stage: 'probing', done: done + 1, total: plans.length, unit: 'plans' });
  }
  workspace.forgetBlocks();
  return learnCorrections(probes);
}
