import assert from 'node:assert/strict';
import { test } from 'node:test';
import { Random } from '../../src/core/random.ts';
import {
  type Expression,
  evaluateExpression,
  evolve,
  expressionText,
  fitness,
  type Judged,
} from '../../src/measure/metrics/emq.ts';

/** Plans whose truth is Σ noise·curvature; `bits` is a distraction. */
function judged(seed: number): Judged {
  const random = new Random(seed);
  const table = (value: (matrix: number, candidate: number) => number) =>
    Array.from({ length: 10 }, (_, m) => Array.from({ length: 4 }, (_, c) => value(m, c)));
  const curvature = Array.from({ length: 10 }, () => Math.exp(3 * random.normal()));
  const noise = table((_, c) => 4 ** -c * Math.exp(random.normal()));
  const statistics = { noise, curvature: table((m) => curvature[m]), bits: table((_, c) => c + 2) };
  const choices = Array.from({ length: 60 }, () => curvature.map(() => random.integer(4)));
  const truth = choices.map((choice) => choice.reduce((sum, c, m) => sum + noise[m][c] * curvature[m], 0));
  return { statistics, choices, truth };
}

test('formulas are evaluated and written as they are built', () => {
  const expression: Expression = {
    binary: '÷',
    left: { unary: 'sqrt', of: { leaf: 'noise' } },
    right: { binary: '+', left: { leaf: 'bits' }, right: { leaf: 'bits' } },
  };
  assert.equal(expressionText(expression), '(sqrt(noise) ÷ (bits + bits))');
  const values: Record<string, number> = { noise: 9, bits: 3 };
  assert.equal(
    evaluateExpression(expression, (name) => values[name]),
    0.5,
  );
});

test('evolution finds a formula that ranks a second model it never saw, better than any statistic alone', () => {
  const [seen, unseen] = [judged(1), judged(2)];
  const found = evolve(seen, new Random(3), { population: 60, generations: 12 });
  const alone = Object.keys(seen.statistics).map((leaf) => fitness({ leaf }, unseen));
  const transfer = fitness(found, unseen);
  assert.ok(transfer > 0.99, `${expressionText(found)}: ${transfer}`);
  assert.ok(transfer > Math.max(...alone), `alone ${alone}`);
});

test('evolution repeats itself for a seed, and a formula that says nothing has the lowest fitness', () => {
  const seen = judged(1);
  const options = { population: 20, generations: 4 };
  const texts = [3, 3].map((seed) => expressionText(evolve(seen, new Random(seed), options)));
  assert.equal(texts[0], texts[1]);
  const nothing: Expression = { binary: '÷', left: { leaf: 'bits' }, right: { leaf: 'bits' } };
  assert.equal(fitness(nothing, seen), -1);
});
