import { costRange } from '../allocate/problem.ts';
import { solve, solveMany } from '../allocate/solve.ts';
import type { SolveOptions } from '../allocate/solvers/types.ts';
import type { BitPlan, Costs, Group, Solution } from '../allocate/types.ts';
import { BitbudgetError } from '../core/errors.ts';
import type { Model } from '../model/types.ts';
import { modelFileSize } from '../model/write-gguf.ts';
import type { PricedTensor, SensitivityTable } from '../quantize/sensitivity.ts';
import type { TypedMetadata } from '../text/types.ts';
import { type Budgets, costsOf, type ResourceName, storedBytes } from './resources.ts';

/** How far the prediction is off, by kind of matrix: learned from measured KL, 1 before. Multiplies predicted losses. */
export type Corrections = Readonly<Record<MatrixKind, number>>;

/** Kinds of matrices whose predictions tend to be off alike. */
export type MatrixKind = 'embedding' | 'attention' | 'feedForward';

export const NO_CORRECTION: Corrections = { embedding: 1, attention: 1, feedForward: 1 };

export function matrixKind(role: PricedTensor['role']): MatrixKind {
  if (role === 'token_embd' || role === 'output') return 'embedding';
  return role.startsWith('ffn') ? 'feedForward' : 'attention';
}

/** The allocator's view of a table: groups with what options cost and their calibrated losses. */
export function groupsOf(table: SensitivityTable, corrections: Corrections = NO_CORRECTION): Group[] {
  return table.tensors.map((tensor) => {
    const { role, relativeError, prices } = tensor;
    const factor = table.scale.value * corrections[matrixKind(role)];
    return {
      id: tensor.tensor,
      options: prices.map((price) => ({
        id: price.format,
        costs: costsOf(table, tensor, price.format),
        loss: factor * price.loss,
        lossError: factor * Math.hypot(price.loss * relativeError, price.samplingError),
      })),
    };
  });
}

/** Notes that are written into every file; part of its size. */
export type Notes = ReadonlyMap<string, TypedMetadata>;

/** Bytes of the file that no choice changes: header, metadata, vectors. */
export function fixedBytes(model: Model, table: SensitivityTable, metadata?: Notes): number {
  const smallest = new Map(table.tensors.map(({ tensor, prices }) => [tensor, prices[0].format]));
  const chosen = table.tensors.reduce(
    (sum, { rows, columns, prices }) => sum + storedBytes(prices[0].format, rows, columns),
    0,
  );
  return modelFileSize(model, { formatOf: ({ name }) => smallest.get(name) ?? 'F32', metadata }) - chosen;
}

export interface PlanOptions {
  readonly corrections?: Corrections;
  readonly notes?: Notes;
}

/**
 * The best plan whose finished file has at most `targetBytes`.
 * @throws BitbudgetError when no plan fits, with the achievable range
 */
export function makePlan(
  model: Model,
  table: SensitivityTable,
  targetBytes: number,
  options: PlanOptions = {},
): BitPlan {
  const groups = groupsOf(table, options.corrections);
  const fixed = fixedBytes(model, table, options.notes);
  const [solution] = solveMany(groups, 'bytes', [targetBytes - fixed]);
  return planOf(table, groups, possible(solution, fixed, { bytes: targetBytes }), fixed);
}

/** A proof may take this long: little beside the measurement that came before. */
const PATIENCE_MS = 60_000;

export interface BudgetedPlanOptions extends PlanOptions, SolveOptions {
  /** Name of the solver; default the first of the table that takes the problem. */
  readonly solver?: string;
}

/**
 * The best plan within several budgets at once.
 * @throws BitbudgetError when no plan fits, with what can be had; UsageError when the solver does not take the problem
 */
export async function makeBudgetedPlan(
  model: Model,
  table: SensitivityTable,
  budgets: Budgets,
  options: BudgetedPlanOptions = {},
): Promise<BitPlan> {
  const groups = groupsOf(table, options.corrections);
  const fixed = fixedBytes(model, table, options.notes);
  const left = budgets.bytes === undefined ? budgets : { ...budgets, bytes: budgets.bytes - fixed };
  const solution = await solve({ groups, budgets: left as Costs }, { timeLimitMs: PATIENCE_MS, ...options });
  return planOf(table, groups, possible(solution, fixed, budgets), fixed);
}

/** Sizes at which the whole frontier is shown. */
const FRONTIER_POINTS = 40;

/** Best plans at sizes spread evenly over what the table can reach, smallest first. */
export function frontierPlans(model: Model, table: SensitivityTable, options: PlanOptions = {}): BitPlan[] {
  const groups = groupsOf(table, options.corrections);
  const fixed = fixedBytes(model, table, options.notes);
  const { least, most } = costRange(groups, 'bytes');
  const budgets = Array.from({ length: FRONTIER_POINTS }, (_, i) =>
    Math.ceil(least + ((most - least) * i) / (FRONTIER_POINTS - 1)),
  );
  return solveMany(groups, 'bytes', budgets).map((solution) => planOf(table, groups, solution, fixed));
}

/**
 * Relative standard error of what the quadratic form itself leaves out: higher orders, matrices that interact, another
 * text than the measured one. True ÷ predicted of 40 random plans of the embedded model has a median of 1.09
 * (`npm run bench -- prediction`).
 */
const FORM_ERROR = 0.1;

function planOf(table: SensitivityTable, groups: readonly Group[], solution: Solution, fixed: number): BitPlan {
  const chosen = groups.map(({ options }, i) => options[solution.choice[i]]);
  const total = (resource: ResourceName): number => chosen.reduce((sum, { costs }) => sum + costs[resource], 0);
  const independent = Math.hypot(...chosen.map((option) => option.lossError ?? 0));
  const shared = solution.loss * (table.scale.standardError / table.scale.value);
  return {
    version: 1,
    model: table.model,
    rounding: table.rounding,
    formats: Object.fromEntries(groups.map(({ id }, i) => [id, chosen[i].id])),
    prediction: {
      fileBytes: fixed + total('bytes'),
      bops: total('bops'),
      kl: solution.loss,
      klError: Math.hypot(independent, shared, FORM_ERROR * solution.loss),
      status: solution.status,
      bound: solution.bound,
      gap: solution.gap,
    },
  };
}

/** @throws BitbudgetError when there is no choice */
function possible(solution: Solution, fixed: number, budgets: Budgets): Solution {
  if (solution.choice.length > 0) return solution;
  const { bytes } = solution.ranges;
  const target = budgets.bytes;
  if (target !== undefined && bytes !== undefined && target - fixed < bytes.least) {
    const least = fixed + bytes.least;
    throw new BitbudgetError(
      `target of ${target} bytes is below the smallest file, ${least} bytes (${fixed} bytes are metadata and vectors; ` +
        `the largest part is ${bytes.largestGroup}); ask for ${least} to ${fixed + bytes.most} bytes`,
    );
  }
  const metadata = target === undefined ? '' : `; of the file's bytes, ${fixed} are metadata and vectors`;
  if (solution.status === 'infeasible') throw new BitbudgetError(`budget: ${solution.reason}${metadata}`);
  throw new BitbudgetError('budget: no plan was found in time; give more room or another --solver');
}
