/**
 * Every solver on every instance of the library that it takes: CPU time (of work done in JavaScript and WebAssembly, so
 * that other work on the machine counts little), objective, bound and gap, each answer checked.
 *
 *     npm run bench -- solvers [--quick]
 *     node bench/solvers.ts [INSTANCE…] [--solver=NAME] [--patience=TIMES]
 *
 * `--quick`: small instances and the real one. Short runs are repeated, and their median is told.
 */
import { parseArgs } from 'node:util';
import { check } from '../src/allocate/check.ts';
import { solve, unfit } from '../src/allocate/solve.ts';
import { solvers } from '../src/allocate/solvers/table.ts';
import type { Solver } from '../src/allocate/solvers/types.ts';
import type { Problem, Solution } from '../src/allocate/types.ts';
import { type Instance, library } from '../test/allocate/library.ts';
import { machine } from './support/machine.ts';
import { median } from './support/median.ts';

const { values: options, positionals } = parseArgs({
  allowPositionals: true,
  options: {
    quick: { type: 'boolean', default: false },
    solver: { type: 'string' },
    patience: { type: 'string', default: '1' },
  },
});
const SEED = 1;
/** Runs below this are repeated, as often as this many milliseconds allow. */
const REPEAT_BELOW_MS = 300;
const MOST_RUNS = 15;

interface Row {
  readonly instance: string;
  readonly grade: string;
  readonly solver: string;
  readonly 'CPU ms': string;
  readonly status: string;
  readonly objective: string;
  readonly bound: string;
  readonly gap: string;
}

async function timed(problem: Problem, solver: Solver): Promise<{ solution: Solution; milliseconds: number }> {
  const before = process.cpuUsage();
  const solution = await solve(problem, { solver: solver.name, seed: SEED, patience: Number(options.patience) });
  const { user, system } = process.cpuUsage(before);
  return { solution, milliseconds: (user + system) / 1000 };
}

async function run({ name, grade }: Instance, problem: Problem, solver: Solver): Promise<Row> {
  const { solution, milliseconds } = await timed(problem, solver);
  const times = [milliseconds];
  if (milliseconds < REPEAT_BELOW_MS)
    while (times.length < MOST_RUNS) times.push((await timed(problem, solver)).milliseconds);
  // Checking 100,000 groups option by option takes minutes.
  const faults = problem.groups.length <= 1000 ? check(problem, solution) : [];
  if (faults.length > 0) process.exitCode = 1;
  return {
    instance: name,
    grade,
    solver: solver.name,
    'CPU ms': median(times).toFixed(1),
    status: faults[0] ?? solution.status,
    objective: solution.loss.toPrecision(8),
    bound: solution.bound.toPrecision(8),
    gap: (solution.gap / Math.abs(solution.loss)).toExponential(1),
  };
}

console.log(`${machine()}, seed ${SEED}, patience ${options.patience}; gap relative to the objective`);
const wanted = library.filter(({ name, grade }) =>
  positionals.length > 0 ? positionals.includes(name) : !options.quick || grade === 'small' || name.startsWith('tiny'),
);
const rows: Row[] = [];
for (const instance of wanted) {
  const problem = instance.build();
  const size = problem.groups.reduce((sum, group) => sum + group.options.length, 0);
  for (const solver of solvers.values()) {
    if (options.solver !== undefined && solver.name !== options.solver) continue;
    if (unfit(solver, problem) !== undefined || size > (solver.mostOptions ?? Infinity)) continue;
    rows.push(await run(instance, problem, solver));
  }
}
console.table(rows);
