import assert from 'node:assert/strict';
import { test } from 'node:test';
import { check } from '../../src/allocate/check.ts';
import { lossOf } from '../../src/allocate/objective.ts';
import { Predictor } from '../../src/allocate/predictor.ts';
import { solve } from '../../src/allocate/solve.ts';
import type { Problem } from '../../src/allocate/types.ts';
import { Random } from '../../src/core/random.ts';
import { bytesProblem, randomGroups, withEffects } from './instances.ts';

test('searches by true evaluations spend no more than allowed, and never do worse than the additive optimum', async () => {
  let better = 0;
  for (const solver of ['genetic', 'tree'])
    for (let seed = 0; seed < 2; seed++) {
      const groups = withEffects(randomGroups('tensors', 16, 6, seed), 6, seed);
      const problem: Problem = bytesProblem(groups, 0.4);
      const truth: Problem = { ...problem, objective: { kind: 'quadratic' } };
      const seen = new Set<string>();
      const evaluate = async (choice: readonly number[]) => {
        seen.add(choice.join());
        return lossOf(truth, choice);
      };
      const found = await solve(problem, { solver, seed, evaluations: 50, evaluate });
      assert.deepEqual(check(problem, found), []);
      assert.ok(seen.size <= 50 && seen.has(found.choice.join()), `${solver}: ${seen.size} evaluations`);
      const additive = await solve(problem);
      const ratio = lossOf(truth, found.choice) / lossOf(truth, additive.choice);
      assert.ok(ratio <= 1, `${solver} ${seed}: ${ratio}`);
      if (ratio < 0.999) better++;
    }
  assert.ok(better >= 3, `${better} of 4 better`);
});

test('groups that agree are taken apart before they are evaluated', async () => {
  const problem: Problem = {
    ...bytesProblem(randomGroups('tensors', 6, 4, 1), 0.5),
    couplings: [{ kind: 'agree', groups: ['g1', 'g4'] }],
  };
  let evaluated = 0;
  const evaluate = async (choice: readonly number[]) => {
    assert.equal(choice.length, 6);
    assert.equal(choice[1], choice[4]);
    evaluated++;
    return lossOf(problem, choice);
  };
  const found = await solve(problem, { solver: 'genetic', evaluations: 20, evaluate });
  assert.deepEqual(check(problem, found), []);
  assert.ok(evaluated > 3);
});

test('the quadratic bound is near the plan, and the plan no worse than the additive one', async () => {
  let cases = 0;
  for (let seed = 0; seed < 4; seed++) {
    const groups = withEffects(randomGroups('tensors', 30, 6, seed), 8, seed);
    const problem: Problem = { ...bytesProblem(groups, 0.4), objective: { kind: 'quadratic' } };
    const additive = await solve({ ...problem, objective: undefined });
    const found = await solve(problem);
    assert.deepEqual(check(problem, found), []);
    assert.ok(found.loss <= lossOf(problem, additive.choice));
    assert.ok(found.bound > 0.5 * found.loss, `${found.bound}, ${found.loss}`);
    cases++;
  }
  assert.equal(cases, 4);
});

test('the predictor returns what it was taught, and is unsure of what is far from it', () => {
  const random = new Random(1);
  const plans = Array.from({ length: 30 }, () => Int32Array.from({ length: 20 }, () => random.integer(4)));
  const values = plans.map((plan) => plan.reduce((sum, option, g) => sum + option * Math.sin(g), 0));
  const alike = (a: ArrayLike<number>, b: ArrayLike<number>): number =>
    Math.exp(-Array.from(a).filter((option, g) => option !== b[g]).length / 6);
  const predictor = new Predictor(plans, values, alike);
  const spread = Math.max(...values) - Math.min(...values);
  for (const [i, plan] of plans.entries()) {
    const { mean, deviation } = predictor.predict(plan);
    assert.ok(Math.abs(mean - values[i]) <= 0.01 * spread && deviation <= 0.02 * spread);
  }
  const far = predictor.predict(new Int32Array(20).fill(9));
  const near = predictor.predict(plans[0].with(0, 9));
  assert.ok(far.deviation > 1.5 * near.deviation);
  const nothing = new Predictor(
    plans,
    plans.map(() => 0),
    alike,
  );
  assert.deepEqual(nothing.predict(plans[0]), { mean: 0, deviation: 0 });
});
