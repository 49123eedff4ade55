import type { BitPlan } from '../allocate/types.ts';
import type { TokenBatch } from '../measure/plan.ts';
import type { Model } from '../model/types.ts';
import { refuseUnusablePalette } from '../quantize/sensitivity.ts';
import type { RoundingName } from '../quantize/types.ts';
import { frontierPlans, makeBudgetedPlan } from './plan.ts';
import { fileNotes, weightCount } from './quantize.node.ts';
import type { Budgets } from './resources.ts';
import { Session, type SessionOptions } from './session.node.ts';

export interface SolveOptions extends SessionOptions {
  readonly rounding: RoundingName;
  readonly palette?: readonly string[];
  readonly calibration: () => Promise<TokenBatch>;
  /** Name of the solver; default the first of the table that takes the problem. */
  readonly solver?: string;
}

/** Budgets as they are asked for: the file's size may be told as bits per weight. */
export interface Wishes extends Budgets {
  readonly bitsPerWeight?: number;
}

/** The best plan within budgets, or, without any, the best plans over all sizes. Measures and prices what is not known yet. */
export async function solveFor(model: Model, wishes: Wishes | undefined, options: SolveOptions): Promise<BitPlan[]> {
  refuseUnusablePalette(model, options.palette);
  const session = await Session.open(model, options);
  try {
    const measurement = await session.measure(await options.calibration());
    const workspace = await session.workspace(measurement);
    const notes = fileNotes(options.rounding);
    try {
      const table = await session.price(measurement, workspace, options.rounding, options.palette);
      if (wishes === undefined) return frontierPlans(model, table, { notes });
      const { bitsPerWeight, ...budgets } = wishes;
      const sized =
        bitsPerWeight === undefined
          ? budgets
          : { ...budgets, bytes: Math.floor((bitsPerWeight * weightCount(model)) / 8) };
      const { solver, seed } = options;
      return [await makeBudgetedPlan(model, table, sized, { notes, solver, seed })];
    } finally {
      workspace.close();
    }
  } finally {
    await session.close();
  }
}
