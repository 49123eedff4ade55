import assert from 'node:assert/strict';
import { test } from 'node:test';
import { Random } from '../../src/core/random.ts';
import { scoreCandidates } from '../../src/measure/metrics/score.ts';
import { metrics } from '../../src/measure/metrics/table.ts';
import { plainFacts } from './metric-facts.ts';
import { formulas } from './metric-formulas.ts';
import { type ErrorOf, scoringSetUp } from './scoring.ts';

/** An error in every weight, unlike the weights, and small enough for float32 to differ by little. */
const denseError: ErrorOf = ({ name, shape }, matrix, scale) => {
  const random = new Random(11).fork(name);
  return matrix.map(() => (0.02 * scale * random.normal()) / Math.sqrt(shape[1]));
};

const setUp = await scoringSetUp(denseError);
const facts = await plainFacts(setUp);
const tables = await scoreCandidates(metrics, setUp.task);

/** Found ÷ expected of every matrix that the metric's equation speaks of. */
function ratios(name: string): number[] {
  const [, table] = [...tables].find(([metric]) => metric.name === name)!;
  return [...facts].flatMap(([tensor, fact]) => {
    const expected = formulas[name](fact);
    return expected === undefined ? [] : [table.get(tensor)![1].value / expected];
  });
}

test('every metric has an equation to be compared with', () => {
  assert.deepEqual(Object.keys(formulas).sort(), metrics.map(({ name }) => name).sort());
});

for (const { name } of metrics.filter(({ name }) => !name.startsWith('hawq-hutchinson')))
  test(`${name} equals its equation on a plain float64 model, to 1e-4`, () => {
    const found = ratios(name);
    for (const ratio of found) assert.ok(Math.abs(ratio - 1) < 1e-4, `${found}`);
    assert.ok(found.length >= 8, `${found.length} matrices`);
  });

for (const name of ['hawq-hutchinson', 'hawq-hutchinson-orthogonal'])
  test(`${name}: four probes are within 40 % of the exact trace, the mean of all matrices within 5 %`, () => {
    const found = ratios(name);
    for (const ratio of found) assert.ok(Math.abs(ratio - 1) < 0.4, `${found}`);
    assert.equal(found.length, 9);
    assert.ok(Math.abs(found.reduce((sum, ratio) => sum + ratio / 9, 0) - 1) < 0.05, `${found}`);
  });
