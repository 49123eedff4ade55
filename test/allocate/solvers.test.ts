import assert from 'node:assert/strict';
import { test } from 'node:test';
import { check } from '../../src/allocate/check.ts';
import { solve, unfit } from '../../src/allocate/solve.ts';
import { solvers } from '../../src/allocate/solvers/table.ts';
import type { Coupling, Objective, Problem } from '../../src/allocate/types.ts';
import { bruteForce, budgetAt, bytesProblem, randomGroups, withEffects, withMoreResources } from './instances.ts';
import { library } from './library.ts';

const OBJECTIVES: readonly Objective[] = [
  { kind: 'sum' },
  { kind: 'max' },
  { kind: 'worst', count: 2 },
  { kind: 'quadratic' },
];
const PALETTE: Coupling = { kind: 'palette', most: 2 };

/** Small problems of every objective, with one budget, with three, and with a palette. */
function smallProblems(): Problem[] {
  return OBJECTIVES.flatMap((objective) =>
    (['uncorrelated', 'tensors', 'ties'] as const).flatMap((kind, seed) => {
      const groups = withEffects(withMoreResources(randomGroups(kind, 5, 4, seed), seed), 3, seed);
      const one = { ...bytesProblem(groups, 0.45), objective };
      const at = (resource: string): number => budgetAt(groups, 0.65, resource);
      const three = { ...one, budgets: { bytes: at('bytes'), bops: at('bops'), milliseconds: at('milliseconds') } };
      return [one, three, { ...one, couplings: [PALETTE] }];
    }),
  );
}

test('every solver: exact ones equal brute force, others keep the budgets and never beat it, bounds hold', async () => {
  const cases = new Map([...solvers.keys()].map((name) => [name, 0]));
  for (const problem of smallProblems()) {
    const best = bruteForce(problem)?.loss;
    for (const solver of solvers.values()) {
      if (unfit(solver, problem) !== undefined) continue;
      const solution = await solve(problem, { solver: solver.name, seed: 1, evaluations: 6 });
      const about = `${solver.name} ${JSON.stringify(problem.objective)} ${Object.keys(problem.budgets)}: ${solution.loss}, best ${best}`;
      assert.deepEqual(check(problem, solution), [], about);
      cases.set(solver.name, cases.get(solver.name)! + 1);
      if (best === undefined) {
        assert.equal(solution.choice.length, 0, about);
        continue;
      }
      const tolerance = 1e-7 * Math.abs(best) + 1e-15;
      assert.ok(solution.bound <= best + tolerance, `${about}, bound ${solution.bound}`);
      assert.ok(solution.loss >= best - tolerance, about);
      if (solver.exact) assert.equal(solution.status, 'optimal', about);
      if (solution.status === 'optimal') assert.ok(solution.loss <= best + tolerance, about);
    }
  }
  for (const [name, count] of cases) assert.ok(count >= 3, `${name}: ${count} problems`);
});

test('every heuristic finds a plan of 60 groups, the same for the same seed, near the bound where it searches', async () => {
  let cases = 0;
  const groups = randomGroups('tensors', 60, 8, 3);
  const problem = bytesProblem(groups, 0.4);
  const { loss: best } = await solve(problem);
  for (const solver of solvers.values()) {
    if (unfit(solver, problem) !== undefined) continue;
    const solution = await solve(problem, { solver: solver.name, seed: 2, evaluations: 6 });
    assert.deepEqual(check(problem, solution), [], solver.name);
    assert.deepEqual(
      (await solve(problem, { solver: solver.name, seed: 2, evaluations: 6 })).choice,
      solution.choice,
      solver.name,
    );
    assert.ok(solution.loss >= best * (1 - 1e-9) && solution.bound <= best * (1 + 1e-9), solver.name);
    const limit = { sort: 4, waterfilling: 4, designs: 20 }[solver.name] ?? 1.1;
    assert.ok(solution.loss <= limit * best, `${solver.name}: ${solution.loss / best} of the best`);
    cases++;
  }
  assert.ok(cases >= 7, `${cases} solvers`);
});

test('minmax, worst and palette agree with HiGHS on 25 groups', async () => {
  const problem = bytesProblem(randomGroups('tensors', 25, 6, 4), 0.4);
  const objectives: Objective[] = [{ kind: 'max' }, { kind: 'worst', count: 5 }];
  for (const objective of objectives) {
    const [own, other] = [
      await solve({ ...problem, objective }),
      await solve({ ...problem, objective }, { solver: 'milp' }),
    ];
    assert.equal(own.status, 'optimal');
    assert.equal(other.status, 'optimal');
    assert.ok(
      Math.abs(own.loss - other.loss) <= 1e-7 * own.loss,
      `${objective.kind}: ${own.loss}, HiGHS ${other.loss}`,
    );
  }
  const coupled = { ...problem, couplings: [{ kind: 'palette', most: 2 } as const] };
  const chosen = await solve(coupled, { solver: 'palette' });
  assert.deepEqual(check(coupled, chosen), []);
  assert.ok(chosen.loss <= 1.05 * (await solve(coupled, { solver: 'milp' })).loss);
});

/** Runs `work` while the clock of the process tells `speed` times the time that passes, as on a machine busy with other work. */
async function withClock<T>(speed: number, work: () => Promise<T>): Promise<T> {
  const [now, date] = [performance.now.bind(performance), Date.now.bind(Date)];
  const [from, dated] = [now(), date()];
  performance.now = () => from + speed * (now() - from);
  Date.now = () => Math.round(dated + speed * (now() - from));
  try {
    return await work();
  } finally {
    performance.now = now;
    Date.now = date;
  }
}

test('every solver finds the same plan whatever the clock says: its work is counted', async () => {
  const groups = withEffects(withMoreResources(randomGroups('proportional', 14, 6, 5), 5), 3, 5);
  const one = bytesProblem(groups, 0.43);
  const budgets = { ...one.budgets, bops: budgetAt(groups, 0.6, 'bops') };
  const problems: Problem[] = [
    ...OBJECTIVES.map((objective) => ({ ...one, objective })),
    { ...one, budgets },
    { ...one, couplings: [PALETTE] },
  ];
  let cases = 0;
  for (const problem of problems)
    for (const solver of solvers.values()) {
      if (unfit(solver, problem) !== undefined) continue;
      const run = () => solve(problem, { solver: solver.name, seed: 3, evaluations: 4, patience: 0.02 });
      const { choice, bound, byClock } = await run();
      const busy = await withClock(50, run);
      const about = `${solver.name} ${JSON.stringify(problem.objective)}`;
      assert.deepEqual({ choice: busy.choice, bound: busy.bound }, { choice, bound }, about);
      assert.equal(byClock, undefined, about);
      cases++;
    }
  assert.ok(cases >= 25, `${cases} cases`);
});

test('where the clock ends a search of HiGHS all the same, the answer says so', async () => {
  const problem = library.find(({ name }) => name === 'three budgets 211×12')!.build();
  const solution = await withClock(20_000, () => solve(problem, { solver: 'milp' }));
  assert.deepEqual(check(problem, solution), []);
  assert.equal(solution.byClock, true);
  assert.equal(solution.status, 'feasible');
});

test('laws of every exact objective: more budget never raises it, options that were not chosen are not needed', async () => {
  let cases = 0;
  const objectives: Objective[] = [{ kind: 'max' }, { kind: 'worst', count: 6 }];
  for (const objective of objectives) {
    const groups = randomGroups('tensors', 200, 10, 7);
    let before = Infinity;
    for (const share of [0.1, 0.3, 0.5, 0.7]) {
      const problem = { ...bytesProblem(groups, share), objective };
      const { loss, choice, status } = await solve(problem);
      assert.equal(status, 'optimal');
      assert.ok(loss <= before * (1 + 1e-12), `${objective.kind} ${share}: ${loss} after ${before}`);
      before = loss;
      const fewer = groups.map((group, g) => ({
        ...group,
        options: group.options.filter((_, o) => o === choice[g] || (o + g) % 3 === 0),
      }));
      const again = await solve({ ...problem, groups: fewer });
      assert.ok(Math.abs(again.loss - loss) <= 1e-12 * loss, `${objective.kind} ${share}`);
      cases++;
    }
  }
  assert.equal(cases, 8);
});
