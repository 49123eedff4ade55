import type { Command } from 'commander';
import { solvers } from '../../allocate/solvers/table.ts';
import type { PlanSearch } from '../../allocate/types.ts';
import { UsageError } from '../../core/errors.ts';
import type { Wishes } from '../../pipeline/plan/wishes.ts';
import { GROUP } from './help.ts';
import { choiceOption, wholeNumber } from './options.ts';

/** How a plan within budgets is found. */
export interface SolverOptions {
  readonly solver?: string;
  readonly evaluations?: number;
  readonly fuse?: boolean;
}

/** Those that plans by summed loss have a use for. */
const planSolvers = [...solvers.values()].filter(
  ({ objectives, needs }) => objectives.includes('sum') && needs === undefined,
);
const searches = planSolvers.filter(({ evaluations }) => evaluations !== undefined);
const SEARCHES = searches.map(({ name }) => name);

export function addSolverOptions(command: Command): Command {
  return command
    .optionsGroup(GROUP.search)
    .addOption(
      choiceOption(
        '--solver <name>',
        `how to solve; default exact: knapsack for one budget, milp for several; ${SEARCHES.join(' and ')} search by true KL on held-out text`,
        planSolvers.map(({ name }) => name),
      ),
    )
    .option(
      '--evaluations <n>',
      `plans that ${SEARCHES.join(' and ')} may measure, default ${searches.map(({ evaluations }) => evaluations).join(' and ')}`,
      wholeNumber(1, 100_000),
    )
    .option('--fuse', 'one format for q, k and v of a block, and for gate and up: for runtimes that fuse them');
}

/** @throws UsageError when the solver does not go with the budgets, with --evaluations or with --probe */
export function checkSolver(
  { solver, evaluations, probe }: SolverOptions & { readonly probe?: boolean },
  wishes: Wishes | undefined,
): void {
  const chosen = solver === undefined ? undefined : solvers.get(solver);
  if (probe && chosen?.evaluations !== undefined)
    throw new UsageError(`--probe: --solver ${solver} learns from the plans that it measures; leave one of them out`);
  if (evaluations !== undefined && chosen?.evaluations === undefined)
    throw new UsageError(`--evaluations is for solvers that search by true KL; give --solver ${SEARCHES.join(' or ')}`);
  if (wishes === undefined && chosen !== undefined)
    throw new UsageError('--solver is for budgets; without one there is nothing to solve, and --frontier is exact');
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
