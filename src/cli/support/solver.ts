import type { Command } from 'commander';
import { solvers } from '../../allocate/solvers/table.ts';
import type { Objective, PlanSearch } from '../../allocate/types.ts';
import { UsageError } from '../../core/errors.ts';
import type { Wishes } from '../../pipeline/plan/wishes.ts';
import { GROUP } from './help.ts';
import { choiceOption, wholeNumber } from './options.ts';

/** How a plan within budgets is found. */
export interface SolverOptions {
  readonly solver?: string;
  readonly evaluations?: number;
  readonly objective?: Objective;
  readonly mostFormats?: number;
  readonly fuse?: boolean;
}

/** Matrices that `worst` sums up unless told otherwise. */
const WORST = 8;

const searches = [...solvers.values()].filter(({ evaluations }) => evaluations !== undefined);
const SEARCHES = searches.map(({ name }) => name);

export function addSolverOptions(command: Command): Command {
  return command
    .optionsGroup(GROUP.search)
    .addOption(
      choiceOption(
        '--solver <name>',
        `how to solve; default exact: knapsack for one budget, milp for several; ${SEARCHES.join(' and ')} search by true KL on held-out text`,
        [...solvers.keys()],
      ),
    )
    .option(
      '--objective <kind>',
      'what is made least: sum of all losses (default), max for the largest, worst:8 for the sum of the eight largest',
      parseObjective,
    )
    .option('--most-formats <n>', 'most different formats in the plan', wholeNumber(1, 100))
    .option(
      '--evaluations <n>',
      `plans that ${SEARCHES.join(' and ')} may measure, default ${searches.map(({ evaluations }) => evaluations).join(' and ')}`,
      wholeNumber(1, 100_000),
    )
    .option('--fuse', 'one format for q, k and v of a block, and for gate and up: for runtimes that fuse them');
}

/** @throws UsageError for other words than sum, max and worst:N */
function parseObjective(text: string): Objective {
  if (text === 'sum' || text === 'max') return { kind: text };
  const [, count] = /^worst:([1-9]\d{0,5})$/.exec(text) ?? [];
  if (count !== undefined) return { kind: 'worst', count: Number(count) };
  throw new UsageError(
    `--objective ${text}: expected sum, max, or worst and a number of matrices, such as worst:${WORST}`,
  );
}

/** The objective asked for; where none is, the one that the solver is for. */
export function objectiveFor({ solver, objective }: SolverOptions): Objective | undefined {
  const kinds = solvers.get(solver ?? '')?.objectives ?? ['sum'];
  if (objective !== undefined || kinds.includes('sum')) return objective;
  if (kinds.includes('max')) return { kind: 'max' };
  return kinds.includes('worst') ? { kind: 'worst', count: WORST } : undefined;
}

/** @throws UsageError when the solver does not go with the budgets, with --evaluations or with --probe */
export function checkSolver(
  {
    solver,
    evaluations,
    objective,
    mostFormats,
    probe,
    metric,
  }: SolverOptions & {
    readonly probe?: boolean;
    readonly metric?: string;
  },
  wishes: Wishes | undefined,
): void {
  const chosen = solver === undefined ? undefined : solvers.get(solver);
  if (probe && chosen?.evaluations !== undefined)
    throw new UsageError(`--probe: --solver ${solver} learns from the plans that it measures; leave one of them out`);
  if (evaluations !== undefined && chosen?.evaluations === undefined)
    throw new UsageError(`--evaluations is for solvers that search by true KL; give --solver ${SEARCHES.join(' or ')}`);
  const given = { '--solver': solver, '--objective': objective, '--most-formats': mostFormats };
  const [flag] = Object.entries(given).find(([, value]) => value !== undefined) ?? [];
  if (wishes === undefined && flag !== undefined)
    throw new UsageError(`${flag} is for budgets; without one there is nothing to solve, and --frontier is exact`);
  if (chosen?.needs === 'palette' && mostFormats === undefined)
    throw new UsageError(`--solver ${solver} picks few formats for the whole plan; say how many with --most-formats`);
  if (chosen?.objectives.every((kind) => kind === 'quadratic') && metric === undefined)
    throw new UsageError(
      `--solver ${solver} weighs pairs of matrices; give plan a --metric that knows them, kl-interactions`,
    );
  if (Object.keys(wishes ?? {}).length > 1 && chosen?.budgets === 'one')
    throw new UsageError(`--solver ${solver} takes one budget; give one, or another solver such as milp`);
}

/** One line about a search; none without. */
export function describeSearch(search: PlanSearch | undefined): string[] {
  if (search === undefined) return [];
  const { solver, evaluations, tokens, kl, klError, startKl } = search;
  return [
    `searched   ${evaluations} plans by ${solver}: KL ${kl.toFixed(5)} ± ${klError.toFixed(5)} on ${tokens} tokens of other text, ` +
      `${startKl.toFixed(5)} before`,
  ];
}
