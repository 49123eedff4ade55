import { solve, solveMany } from '../allocate/solve.ts';
import type { BitPlan, Group, Solution } from '../allocate/types.ts';
import { BitbudgetError } from '../core/errors.ts';
import type { Model } from '../model/types.ts';
import { modelFileSize } from '../model/write-gguf.ts';
import { format, rowBytes } from '../numeric/table.ts';
import type { PricedTensor, SensitivityTable } from '../quantize/sensitivity.ts';
import type { TypedMetadata } from '../text/types.ts';

/** How far the prediction is off, by kind of matrix: learned from measured KL, 1 before. Multiplies predicted losses. */
export type Corrections = Readonly<Record<MatrixKind, number>>;

/** Kinds of matrices whose predictions tend to be off alike. */
export type MatrixKind = 'embedding' | 'attention' | 'feedForward';

export const NO_CORRECTION: Corrections = { embedding: 1, attention: 1, feedForward: 1 };

export function matrixKind(role: PricedTensor['role']): MatrixKind {
  if (role === 'token_embd' || role === 'output') return 'embedding';
  return role.startsWith('ffn') ? 'feedForward' : 'attention';
}

/** GGUF pads every tensor to this many bytes. */
const ALIGNMENT = 32;

/** Bytes that a matrix takes in the file. */
export function storedBytes(formatName: string, rows: number, columns: number): number {
  return Math.ceil((rows * rowBytes(format(formatName), columns)) / ALIGNMENT) * ALIGNMENT;
}

/** The allocator's view of a table: groups with bytes and calibrated losses. */
export function groupsOf(table: SensitivityTable, corrections: Corrections = NO_CORRECTION): Group[] {
  return table.tensors.map(({ tensor, role, rows, columns, relativeError, prices }) => {
    const factor = table.scale.value * corrections[matrixKind(role)];
    return {
      id: tensor,
      options: prices.map((price) => ({
        id: price.format,
        bytes: storedBytes(price.format, rows, columns),
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
  const solution = solve({ groups, budget: targetBytes - fixed });
  if (solution.choice.length === 0) throw new BitbudgetError(unreachable(solution, fixed, targetBytes));
  return planOf(table, groups, solution, fixed);
}

/** Sizes at which the whole frontier is shown. */
const FRONTIER_POINTS = 40;

/** Best plans at sizes spread evenly over what the table can reach, smallest first. */
export function frontierPlans(model: Model, table: SensitivityTable, options: PlanOptions = {}): BitPlan[] {
  const groups = groupsOf(table, options.corrections);
  const fixed = fixedBytes(model, table, options.notes);
  const total = (pick: (...bytes: number[]) => number): number =>
    groups.reduce((sum, { options: all }) => sum + pick(...all.map(({ bytes }) => bytes)), 0);
  const least = total(Math.min);
  const most = total(Math.max);
  const budgets = Array.from({ length: FRONTIER_POINTS }, (_, i) =>
    Math.ceil(least + ((most - least) * i) / (FRONTIER_POINTS - 1)),
  );
  return solveMany(groups, budgets).map((solution) => planOf(table, groups, solution, fixed));
}

/**
 * Relative standard error of what the quadratic form itself leaves out: higher orders, matrices that interact, another
 * text than the measured one. True ÷ predicted of 40 random plans of the embedded model has a median of 1.09
 * (`npm run bench -- prediction`).
 */
const FORM_ERROR = 0.1;

function planOf(table: SensitivityTable, groups: readonly Group[], solution: Solution, fixed: number): BitPlan {
  const chosen = groups.map(({ options }, i) => options[solution.choice[i]]);
  const independent = Math.hypot(...chosen.map((option) => option.lossError ?? 0));
  const shared = solution.loss * (table.scale.standardError / table.scale.value);
  return {
    version: 1,
    model: table.model,
    rounding: table.rounding,
    formats: Object.fromEntries(groups.map(({ id }, i) => [id, chosen[i].id])),
    prediction: {
      fileBytes: fixed + solution.bytes,
      kl: solution.loss,
      klError: Math.hypot(independent, shared, FORM_ERROR * solution.loss),
      status: solution.status,
      bound: solution.bound,
      gap: solution.gap,
    },
  };
}

function unreachable({ range }: Solution, fixed: number, target: number): string {
  const least = fixed + range.least;
  return (
    `target of ${target} bytes is below the smallest file, ${least} bytes (${fixed} bytes are metadata and vectors; ` +
    `the largest part is ${range.largestGroup}); ask for ${least} to ${fixed + range.most} bytes`
  );
}
