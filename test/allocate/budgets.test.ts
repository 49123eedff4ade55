import assert from 'node:assert/strict';
import { test } from 'node:test';
import { check } from '../../src/allocate/check.ts';
import { solve } from '../../src/allocate/solve.ts';
import type { Coupling, Group, Objective, Problem } from '../../src/allocate/types.ts';
import { bruteForce, budgetAt, bytesProblem, randomGroups, withMoreResources } from './instances.ts';

function threeBudgets(groups: readonly Group[], share: number): Problem {
  const at = (resource: string): number => budgetAt(groups, share, resource);
  return { groups, budgets: { bytes: at('bytes'), bops: at('bops'), milliseconds: at('milliseconds') } };
}

const OBJECTIVES: readonly Objective[] = [{ kind: 'sum' }, { kind: 'max' }, { kind: 'worst', count: 2 }];

test('three budgets, three objectives: milp equals brute force', async () => {
  let cases = 0;
  for (const objective of OBJECTIVES)
    for (let seed = 0; seed < 4; seed++)
      for (const share of [0.3, 0.6]) {
        const groups = withMoreResources(randomGroups(seed % 2 ? 'tensors' : 'uncorrelated', 5, 4, seed), seed);
        const problem = { ...threeBudgets(groups, share), objective };
        const solution = await solve(problem, { solver: 'milp' });
        assert.deepEqual(check(problem, solution), []);
        const best = bruteForce(problem);
        if (best === undefined) assert.equal(solution.status, 'infeasible');
        else {
          assert.equal(solution.status, 'optimal');
          assert.ok(Math.abs(solution.loss - best.loss) <= 1e-7 * best.loss, `${seed}: ${solution.loss}, ${best.loss}`);
        }
        cases++;
      }
  assert.equal(cases, 24);
});

test('couplings: milp equals brute force, agreeing groups are merged for every solver', async () => {
  const couplings: Coupling[][] = [
    [{ kind: 'agree', groups: ['g0', 'g1', 'g3'] }],
    [{ kind: 'requires', group: 'g0', options: ['o2', 'o3'], other: 'g2', otherOptions: ['o0'] }],
    [{ kind: 'palette', most: 2 }],
    [
      { kind: 'agree', groups: ['g1', 'g2'] },
      { kind: 'requires', group: 'g1', options: ['o3'], other: 'g4', otherOptions: ['o1', 'o2'] },
      { kind: 'palette', most: 3 },
    ],
  ];
  let cases = 0;
  for (const objective of OBJECTIVES)
    for (const [seed, coupled] of couplings.entries()) {
      const groups = randomGroups('tensors', 5, 4, seed);
      const problem: Problem = { ...bytesProblem(groups, 0.5), objective, couplings: coupled };
      const solution = await solve(problem);
      assert.deepEqual(check(problem, solution), []);
      assert.equal(solution.status, 'optimal');
      assert.ok(Math.abs(solution.loss - bruteForce(problem)!.loss) <= 1e-7 * solution.loss, `${seed}`);
      cases++;
    }
  assert.equal(cases, 12);
});

test('milp equals the knapsack on one budget of 200 groups', async () => {
  const problem = bytesProblem(randomGroups('tensors', 200, 8, 1), 0.4);
  const [exact, other] = [await solve(problem), await solve(problem, { solver: 'milp' })];
  assert.equal(other.status, 'optimal');
  assert.ok(Math.abs(exact.loss - other.loss) <= 1e-9 * exact.loss, `${exact.loss}, HiGHS ${other.loss}`);
});

test('law: one more budget never lowers the loss, and a generous one changes nothing', async () => {
  const groups = withMoreResources(randomGroups('tensors', 30, 6, 2), 2);
  const all = threeBudgets(groups, 0.5);
  const fewer = { groups, budgets: { bytes: all.budgets.bytes } };
  const alone = await solve(fewer);
  assert.ok((await solve(all)).loss >= alone.loss - 1e-12);
  const generous = await solve({ groups, budgets: { ...fewer.budgets, bops: budgetAt(groups, 1, 'bops') } });
  assert.ok(Math.abs(generous.loss - alone.loss) <= 1e-9 * alone.loss);
});

test('what is impossible is one line with what can be had, not an exception', async () => {
  const option = (id: string, bytes: number, bops: number) => ({ id, costs: { bytes, bops }, loss: 1 });
  const groups: Group[] = [
    { id: 'a', options: [option('small', 10, 90), option('fast', 90, 10)] },
    { id: 'b', options: [option('small', 10, 90), option('fast', 90, 10)] },
  ];
  const cases: [Problem, RegExp][] = [
    [{ groups, budgets: { bytes: 19 } }, /^bytes: the smallest choices take 20, .*ask for 20 to 180/],
    [
      { groups, budgets: { bytes: 50, bops: 50 } },
      /contradict each other.*bytes ≥ 180 \(asked for 50\), bops ≥ 180 \(asked for 50\)/,
    ],
    [{ groups: [...groups, { id: 'empty', options: [] }], budgets: { bytes: 99 } }, /group empty has no options/],
    [
      {
        groups,
        budgets: { bytes: 180 },
        couplings: [
          { kind: 'requires', group: 'a', options: ['small', 'fast'], other: 'b', otherOptions: ['small'] },
          { kind: 'requires', group: 'b', options: ['small'], other: 'a', otherOptions: [] },
        ],
      },
      /no choice satisfies the couplings/,
    ],
  ];
  for (const [problem, line] of cases) {
    const solution = await solve(problem);
    assert.equal(solution.status, 'infeasible');
    assert.match(solution.reason!, line);
    assert.equal(solution.reason!.split('\n').length, 1);
    assert.deepEqual(check(problem, solution), []);
  }
  assert.equal(cases.length, 4);
});

test('rejects solvers that do not exist or do not take the problem, naming those that do', async () => {
  const groups = withMoreResources(randomGroups('tensors', 3, 3, 1), 1);
  const problem = threeBudgets(groups, 0.5);
  await assert.rejects(solve(problem, { solver: 'none' }), { name: 'UsageError', message: /there is none.*milp/ });
  await assert.rejects(solve(problem, { solver: 'knapsack' }), {
    name: 'UsageError',
    message: /knapsack takes one budget, the problem has 3 \(bytes, bops, milliseconds\); use one of milp/,
  });
  await assert.rejects(
    solve({ ...problem, couplings: [{ kind: 'agree', groups: ['g0', 'nobody'] }] }),
    /no group nobody/,
  );
});
