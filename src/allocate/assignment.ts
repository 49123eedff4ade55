import type { Flat } from './flat.ts';
import type { Program, Row } from './highs.ts';
import type { Problem } from './types.ts';

/** A problem as a mixed-integer program: one column per option that may be chosen, and what the objective needs. */
export interface Assignment {
  readonly program: Program;
  /** Flattened option of the first columns. [options that may be chosen] */
  readonly option: Int32Array;
  /** Column values ÷ `lossScale` are losses. */
  readonly lossScale: number;
  /** Flattened option per group with the largest column. */
  choiceOf(value: Float64Array): Int32Array;
}

/** HiGHS's tolerances are absolute, so that the largest loss and the largest cost become this. */
const LARGEST = 1000;

/**
 * @param allowed flattened options that may be chosen; every group keeps at least one
 * @param relaxed lets options be chosen in part: the linear relaxation
 * @see Ogryczak and Tamir, "Minimizing the sum of the k largest functions in linear time", IPL 85 (2003), for `worst`
 */
export function assignment(
  problem: Problem,
  flat: Flat,
  allowed: (option: number) => boolean = () => true,
  relaxed = false,
): Assignment {
  const option = Int32Array.from({ length: flat.loss.length }, (_, i) => i).filter(allowed);
  const lossScale = scaleOf(option, (i) => Math.abs(flat.loss[i]));
  const columns = new Columns(option, flat, lossScale, relaxed);
  const rows: Row[] = [...oneOfEach(columns), ...budgetRows(columns)];
  if (problem.objective?.kind === 'max') rows.push(...largestLoss(columns));
  if (problem.objective?.kind === 'worst') rows.push(...worstLosses(columns, problem.objective.count));
  for (const coupling of problem.couplings ?? []) {
    if (coupling.kind === 'requires') rows.push(requirement(problem, columns, coupling));
    if (coupling.kind === 'palette') rows.push(...palette(problem, columns, coupling.most));
  }
  return {
    program: { cost: columns.cost, lower: columns.lower, upper: columns.upper, integer: columns.integer, rows },
    option,
    lossScale,
    choiceOf: (value) => columns.choiceOf(value),
  };
}

function scaleOf<T>(items: Iterable<T>, size: (item: T) => number): number {
  let largest = 0;
  for (const item of items) largest = Math.max(largest, size(item));
  return largest > 0 ? LARGEST / largest : 1;
}

class Columns {
  readonly flat: Flat;
  readonly option: Int32Array;
  readonly lossScale: number;
  /** Columns of each group's options. */
  readonly ofGroup: number[][];
  readonly cost: number[];
  readonly lower: number[];
  readonly upper: number[];
  readonly integer: boolean[];

  constructor(option: Int32Array, flat: Flat, lossScale: number, relaxed: boolean) {
    this.flat = flat;
    this.option = option;
    this.lossScale = lossScale;
    this.ofGroup = Array.from({ length: flat.start.length - 1 }, () => []);
    for (let column = 0, g = 0; column < option.length; column++) {
      while (option[column] >= flat.start[g + 1]) g++;
      this.ofGroup[g].push(column);
    }
    this.cost = Array.from(option, (i) => flat.loss[i] * lossScale);
    this.lower = new Array(option.length).fill(0);
    this.upper = new Array(option.length).fill(1);
    this.integer = new Array(option.length).fill(!relaxed);
  }

  add(cost: number, lower: number, upper: number, integer = false): number {
    this.cost.push(cost);
    this.lower.push(lower);
    this.upper.push(upper);
    this.integer.push(integer);
    return this.cost.length - 1;
  }

  choiceOf(value: Float64Array): Int32Array {
    return Int32Array.from(
      this.ofGroup,
      (columns) => this.option[columns.reduce((best, column) => (value[column] > value[best] ? column : best))],
    );
  }
}

function oneOfEach({ ofGroup }: Columns): Row[] {
  return ofGroup.map((column) => ({ lower: 1, upper: 1, column, value: column.map(() => 1) }));
}

/** Costs count above each group's least, which leaves only what choices change. */
function budgetRows({ flat, option, ofGroup }: Columns): Row[] {
  return flat.cost.map((cost, r) => {
    const least = ofGroup.map((columns) => columns.reduce((low, c) => Math.min(low, cost[option[c]]), Infinity));
    const value = ofGroup.flatMap((columns, g) => columns.map((c) => cost[option[c]] - least[g]));
    const scale = scaleOf(value, (v) => v);
    const room = flat.budget[r] - least.reduce((sum, v) => sum + v, 0);
    return { lower: -Infinity, upper: room * scale, column: ofGroup.flat(), value: value.map((v) => v * scale) };
  });
}

/** One more column, no less than any group's loss; it alone is minimized. */
function largestLoss(columns: Columns): Row[] {
  const losses = takeLosses(columns);
  const largest = columns.add(1, -Infinity, Infinity);
  return losses.map(({ column, value }) => ({
    lower: 0,
    upper: Infinity,
    column: [...column, largest],
    value: [...value.map((v) => -v), 1],
  }));
}

/** The sum of the k largest losses is the least k × q + Σ (loss − q)⁺ over q. */
function worstLosses(columns: Columns, count: number): Row[] {
  const losses = takeLosses(columns);
  // With fewer groups than `count`, all of them are counted.
  const q = columns.add(Math.min(count, losses.length), -Infinity, Infinity);
  return losses.map(({ column, value }) => ({
    lower: 0,
    upper: Infinity,
    column: [...column, q, columns.add(1, 0, Infinity)],
    value: [...value.map((v) => -v), 1, 1],
  }));
}

/** Each group's loss as a row, taken out of the objective. */
function takeLosses(columns: Columns): { column: number[]; value: number[] }[] {
  const losses = columns.ofGroup.map((column) => ({ column, value: column.map((c) => columns.cost[c]) }));
  for (const { column } of losses) for (const c of column) columns.cost[c] = 0;
  return losses;
}

function requirement(
  { groups }: Problem,
  { ofGroup, option, flat }: Columns,
  coupling: { group: string; options: readonly string[]; other: string; otherOptions: readonly string[] },
): Row {
  const taken = (id: string, options: readonly string[]): number[] => {
    const g = groups.findIndex((group) => group.id === id);
    return ofGroup[g].filter((c) => options.includes(groups[g].options[option[c] - flat.start[g]].id));
  };
  const when = taken(coupling.group, coupling.options);
  const then = taken(coupling.other, coupling.otherOptions);
  if (coupling.group === coupling.other) {
    const forbidden = when.filter((c) => !then.includes(c));
    return { lower: -Infinity, upper: 0, column: forbidden, value: forbidden.map(() => 1) };
  }
  return {
    lower: -Infinity,
    upper: 0,
    column: [...when, ...then],
    value: [...when.map(() => 1), ...then.map(() => -1)],
  };
}

/** One column per id: whether the palette holds it. */
function palette({ groups }: Problem, columns: Columns, most: number): Row[] {
  const { ofGroup, option, flat } = columns;
  const holds = new Map<string, number>();
  const rows = ofGroup.flatMap((all, g) =>
    all.map((c) => {
      const { id } = groups[g].options[option[c] - flat.start[g]];
      if (!holds.has(id)) holds.set(id, columns.add(0, 0, 1, columns.integer[0]));
      return { lower: -Infinity, upper: 0, column: [c, holds.get(id)!], value: [1, -1] };
    }),
  );
  const column = [...holds.values()];
  return [...rows, { lower: 0, upper: most, column, value: column.map(() => 1) }];
}
