import assert from 'node:assert/strict';
import { test } from 'node:test';
import { frontier, frontierChoice } from '../../src/allocate/frontier.ts';
import { planInterval } from '../../src/allocate/interval.ts';
import { solveMany } from '../../src/allocate/solve.ts';
import { budgetAt, KINDS, randomGroups, range } from './instances.ts';

test('every corner of the frontier is the exact optimum of its own bytes', () => {
  let cases = 0;
  for (const kind of KINDS) {
    const groups = randomGroups(kind, 12, 5, 1);
    for (const [index, point] of frontier(groups, 'bytes').entries()) {
      const solution = solveMany(groups, 'bytes', [point.cost])[0];
      assert.ok(
        Math.abs(solution.loss - point.loss) <= 1e-9,
        `${kind} ${index}: ${point.loss}, solved ${solution.loss}`,
      );
      const choice = frontierChoice(groups, 'bytes', frontier(groups, 'bytes'), index);
      assert.equal(
        choice.reduce((sum, option, g) => sum + groups[g].options[option].costs.bytes, 0),
        point.cost,
      );
      assert.ok(Math.abs(planInterval(groups, choice).standardError - point.lossError) <= 1e-9);
      cases++;
    }
  }
  assert.ok(cases > 60, `${cases} corners`);
});

test('the frontier is convex, falls, and no plan lies below it', () => {
  const groups = randomGroups('tensors', 40, 8, 2);
  const points = frontier(groups, 'bytes');
  const slope = (i: number) => (points[i].loss - points[i - 1].loss) / (points[i].cost - points[i - 1].cost);
  assert.equal(points[0].cost, range(groups).least);
  for (let i = 1; i < points.length; i++) {
    assert.ok(slope(i) < 0);
    if (i > 1) assert.ok(slope(i) >= slope(i - 1) * (1 + 1e-9));
  }
  for (let i = 0; i < 20; i++) {
    const budget = budgetAt(groups, (i + 0.5) / 20);
    const at = points.findLastIndex((point) => point.cost <= budget);
    const line =
      at + 1 < points.length ? points[at].loss + slope(at + 1) * (budget - points[at].cost) : points[at].loss;
    assert.ok(solveMany(groups, 'bytes', [budget])[0].loss >= line - 1e-12);
  }
});

test('planInterval adds means, and errors as independent', () => {
  const group = (loss: number, lossError?: number) => ({ id: 'g', options: [{ id: 'a', costs: {}, loss, lossError }] });
  const interval = planInterval([group(1, 0.3), group(2, 0.4), group(3)], [0, 0, 0]);
  assert.equal(interval.mean, 6);
  assert.ok(Math.abs(interval.standardError - 0.5) < 1e-12);
  assert.ok(Math.abs(interval.high - 6.979982) < 1e-6);
  const shared = planInterval([group(3, 0.3), group(1)], [0, 0], { sharedRelativeError: 0.1 });
  assert.ok(Math.abs(shared.standardError - 0.5) < 1e-12);
  assert.equal(planInterval([group(0.1, 1)], [0]).low, 0);
  assert.deepEqual(planInterval([], []), { mean: 0, standardError: 0, low: 0, high: 0 });
  assert.throws(() => planInterval([group(1)], []), { name: 'UsageError' });
  assert.throws(() => planInterval([group(1)], [1]), { name: 'UsageError' });
});
