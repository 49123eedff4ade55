import type { BitPlan } from '../allocate/types.ts';
import type { TokenBatch } from '../measure/plan.ts';
import type { Model } from '../model/types.ts';
import type { RoundingName } from '../quantize/types.ts';
import { frontierPlans, makePlan } from './plan.ts';
import { fileNotes, weightCount } from './quantize.node.ts';
import { Session, type SessionOptions } from './session.node.ts';

export interface SolveOptions extends SessionOptions {
  readonly rounding: RoundingName;
  readonly palette?: readonly string[];
  readonly calibration: () => Promise<TokenBatch>;
  readonly sizeIn: 'bytes' | 'bitsPerWeight';
}

/** The best plan for a size, or, without one, the best plans over all sizes. Measures and prices what is not known yet. */
export async function solveFor(model: Model, size: number | undefined, options: SolveOptions): Promise<BitPlan[]> {
  const session = await Session.open(model, options);
  try {
    const measurement = await session.measure(await options.calibration());
    const workspace = await session.workspace(measurement);
    const notes = fileNotes(options.rounding);
    try {
      const table = await session.price(measurement, workspace, options.rounding, options.palette);
      if (size === undefined) return frontierPlans(model, table, { notes });
      const bytes = options.sizeIn === 'bytes' ? size : Math.floor((size * weightCount(model)) / 8);
      return [makePlan(model, table, bytes, { notes })];
    } finally {
      workspace.close();
    }
  } finally {
    await session.close();
  }
}
