import assert from 'node:assert/strict';
import { test } from 'node:test';
import { check } from '../../src/allocate/check.ts';
import { solveMany } from '../../src/allocate/solve.ts';
import type { Group, Problem, Solution } from '../../src/allocate/types.ts';
import { Random } from '../../src/core/random.ts';
import { solveByHighs } from './highs.ts';
import { bruteForce, budgetAt, bytesProblem, KINDS, randomGroups, range } from './instances.ts';

/** Bytes alone, solved without waiting. */
function solveBytes({ groups, budgets }: Problem, patience?: number): Solution {
  return solveMany(groups, 'bytes', [budgets.bytes], { patience })[0];
}

const SHARES = [0, 0.05, 0.2, 0.4, 0.6, 0.8, 0.95, 1];

function assertNear(actual: number, expected: number, message: string): void {
  assert.ok(
    Math.abs(actual - expected) <= 1e-9 * Math.max(1e-3, Math.abs(expected)),
    `${message}: ${actual}, expected ${expected}`,
  );
}

test('solve equals brute force on 400 small problems', () => {
  let cases = 0;
  for (const kind of KINDS) {
    for (let seed = 0; seed < 10; seed++) {
      const groups = randomGroups(kind, 1 + (seed % 6), 1 + (seed % 4), seed);
      for (const share of SHARES) {
        const problem = bytesProblem(groups, share);
        const solution = solveBytes(problem);
        assert.deepEqual(check(problem, solution), []);
        assert.equal(solution.status, 'optimal');
        assertNear(solution.loss, bruteForce(problem)!.loss, `${kind} ${seed} ${share}`);
        cases++;
      }
    }
  }
  assert.equal(cases, 400);
});

test('solve equals HiGHS on 6 problems of 16 groups', () => {
  let cases = 0;
  for (const kind of ['uncorrelated', 'tensors', 'layers'] as const) {
    for (let seed = 0; seed < 2; seed++) {
      const groups = randomGroups(kind, 16, 5, seed);
      for (const share of [0.3]) {
        const problem = bytesProblem(groups, share);
        const solution = solveBytes(problem);
        assert.deepEqual(check(problem, solution), []);
        assert.equal(solution.status, 'optimal');
        // HiGHS accepts integrality within 1e-6, which shows in its objective.
        const other = solveByHighs(problem)!;
        assert.ok(
          Math.abs(solution.loss - other) <= 1e-6 * Math.abs(other),
          `${kind} ${seed}: ${solution.loss}, HiGHS ${other}`,
        );
        cases++;
      }
    }
  }
  assert.equal(cases, 6);
});

test('solve proves 1000 groups × 20 options optimal', () => {
  let cases = 0;
  for (const kind of ['uncorrelated', 'tensors', 'layers'] as const) {
    const groups = randomGroups(kind, 1000, 20, 1);
    const budgets = [0.1, 0.5, 0.9].map((share) => budgetAt(groups, share));
    for (const [i, solution] of solveMany(groups, 'bytes', budgets).entries()) {
      assert.equal(solution.status, 'optimal');
      assert.deepEqual(check({ groups, budgets: { bytes: budgets[i] } }, solution), []);
      cases++;
    }
  }
  assert.equal(cases, 9);
});

test('law: more budget never raises the loss', () => {
  let cases = 0;
  for (const kind of KINDS) {
    const groups = randomGroups(kind, 40, 6, 3);
    const budgets = Array.from({ length: 20 }, (_, i) => budgetAt(groups, i / 19));
    const losses = solveMany(groups, 'bytes', budgets).map((solution) => solution.loss);
    for (let i = 1; i < losses.length; i++, cases++)
      assert.ok(losses[i] <= losses[i - 1] * (1 + 1e-12), `${kind} ${i}`);
  }
  assert.equal(cases, 19 * KINDS.length);
});

test('law: removing options that were not chosen keeps the optimum', () => {
  let cases = 0;
  for (const kind of KINDS) {
    const groups = randomGroups(kind, 50, 8, 4);
    const random = new Random(4);
    const budget = budgetAt(groups, 0.4);
    const { choice, loss } = solveBytes({ groups, budgets: { bytes: budget } });
    const fewer = groups.map((group, g) => ({
      ...group,
      options: group.options.filter((_, o) => o === choice[g] || random.uniform() < 0.5),
    }));
    assertNear(solveBytes({ groups: fewer, budgets: { bytes: budget } }).loss, loss, kind);
    cases++;
  }
  assert.equal(cases, KINDS.length);
});

test('law: the order of groups and options changes nothing', () => {
  let cases = 0;
  for (const kind of KINDS) {
    const groups = randomGroups(kind, 50, 8, 5);
    const random = new Random(5);
    const budget = budgetAt(groups, 0.5);
    const shuffled = random.shuffle(groups.map((group) => ({ ...group, options: random.shuffle([...group.options]) })));
    assertNear(
      solveBytes({ groups: shuffled, budgets: { bytes: budget } }).loss,
      solveBytes({ groups, budgets: { bytes: budget } }).loss,
      kind,
    );
    cases++;
  }
  assert.equal(cases, KINDS.length);
});

test('solveMany answers each budget as solve does, in the order given', () => {
  const groups = randomGroups('tensors', 30, 6, 6);
  const budgets = [0.7, 0.1, 0.4].map((share) => budgetAt(groups, share));
  assert.deepEqual(
    solveMany(groups, 'bytes', budgets),
    budgets.map((bytes) => solveBytes({ groups, budgets: { bytes } })),
  );
});

test('an infeasible budget tells the range and the group that sets it', () => {
  const groups: Group[] = [
    {
      id: 'small',
      options: [
        { id: 'a', costs: { bytes: 10 }, loss: 1 },
        { id: 'b', costs: { bytes: 20 }, loss: 0 },
      ],
    },
    { id: 'large', options: [{ id: 'a', costs: { bytes: 100 }, loss: 1 }] },
  ];
  const problem = { groups, budgets: { bytes: 109 } };
  const solution = solveBytes(problem);
  assert.equal(solution.status, 'infeasible');
  assert.deepEqual(solution.ranges.bytes, { least: 110, most: 120, largestGroup: 'large' });
  assert.deepEqual(check(problem, solution), []);
});

test('edges: no groups, one option, zero losses, budgets beyond 2^53, fractional budgets', () => {
  const one: Group = { id: 'g', options: [{ id: 'a', costs: { bytes: 32 }, loss: 0 }] };
  const two: Group = {
    id: 'h',
    options: [
      { id: 'a', costs: { bytes: 0 }, loss: 0 },
      { id: 'b', costs: { bytes: 5 }, loss: 0 },
    ],
  };
  assert.deepEqual(solveBytes({ groups: [], budgets: { bytes: 0 } }).choice, []);
  assert.equal(solveBytes({ groups: [], budgets: { bytes: 0 } }).status, 'optimal');
  assert.equal(solveBytes({ groups: [], budgets: { bytes: -1 } }).status, 'infeasible');
  assert.deepEqual(solveBytes({ groups: [one], budgets: { bytes: 32 } }).choice, [0]);
  assert.deepEqual(solveBytes({ groups: [one, two], budgets: { bytes: 1e300 } }).choice, [0, 0]);
  assert.equal(solveBytes({ groups: [one], budgets: { bytes: 31.9 } }).status, 'infeasible');
  assert.equal(solveBytes({ groups: [one, two], budgets: { bytes: 32.5 } }).costs.bytes, 32);
});

test('rejects numbers that cannot be used, naming the group and the option', () => {
  const groups = (bytes: number, loss: number): Group[] => [
    { id: 'blk.0', options: [{ id: 'Q4_K', costs: { bytes }, loss }] },
  ];
  for (const bytes of [Number.NaN, Infinity, -1])
    assert.throws(() => solveBytes({ groups: groups(bytes, 0), budgets: { bytes: 1 } }), {
      name: 'UsageError',
      message: /blk\.0 option Q4_K: bytes is/,
    });
  for (const loss of [Number.NaN, Infinity])
    assert.throws(() => solveBytes({ groups: groups(1, loss), budgets: { bytes: 1 } }), {
      name: 'UsageError',
      message: /loss is/,
    });
  assert.throws(() => solveBytes({ groups: [], budgets: { bytes: Number.NaN } }), {
    name: 'UsageError',
    message: /budget of bytes is NaN/,
  });
});

test('no patience at all returns a plan within the budget with a valid bound', () => {
  const groups = randomGroups('proportional', 100, 10, 8).map((group) => ({
    ...group,
    options: group.options.map((option) => ({
      ...option,
      costs: { bytes: option.costs.bytes * 31 + 7 },
      loss: option.loss + 1e-7 * (option.costs.bytes % 97),
    })),
  }));
  const problem = bytesProblem(groups, 0.37);
  const hurried = solveBytes(problem, 0);
  assert.ok(hurried.status === 'feasible' || hurried.status === 'optimal');
  assert.deepEqual(check(problem, hurried), []);
  const patient = solveBytes(problem, 0.1);
  assert.deepEqual(check(problem, patient), []);
  assert.ok(hurried.bound <= patient.loss + 1e-9 && patient.loss <= hurried.loss + 1e-9);
});

test('check finds each kind of fault', () => {
  const groups = randomGroups('tensors', 8, 4, 9);
  const problem = bytesProblem(groups, 0.5);
  const good = solveBytes(problem);
  const { least } = range(groups);
  const faulty = [
    { ...good, choice: good.choice.slice(1) },
    { ...good, choice: good.choice.with(0, 99) },
    { ...good, costs: { bytes: good.costs.bytes + 1 } },
    { ...good, loss: good.loss * 2 },
    { ...good, bound: good.loss / 2 },
    { ...good, status: 'infeasible' as const, choice: [] },
    { ...good, ranges: { bytes: { ...good.ranges.bytes, least: least - 1 } } },
    { ...solveBytes({ groups, budgets: { bytes: least } }) },
  ];
  for (const solution of faulty) assert.notDeepEqual(check(problem, solution), []);
  assert.notDeepEqual(check({ groups, budgets: { bytes: least } }, good), []);
  assert.equal(faulty.length, 8);
});
