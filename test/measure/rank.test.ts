import assert from 'node:assert/strict';
import { test } from 'node:test';
import { Random } from '../../src/core/random.ts';
import { kendall, type Pair, rankMetric, ranks, spearman } from '../../src/measure/metrics/rank.ts';

const close = (found: number, expected: number, tolerance = 1e-12): void =>
  assert.ok(Math.abs(found - expected) <= tolerance, `${found}, expected ${expected}`);

test('equal values share the mean of their ranks', () => {
  assert.deepEqual(ranks([30, 10, 20, 10]), [3, 0.5, 2, 0.5]);
});

test('Spearman and Kendall of five pairs worked by hand', () => {
  // Ranks of y: 1 0 3 2 4, so Σd² = 4 and ρ = 1 − 6·4 / (5·24); two of ten pairs are discordant.
  const pairs: Pair[] = [1, 2, 3, 4, 5].map((x, i) => [x, [20, 10, 40, 30, 50][i]] as const);
  close(spearman(pairs), 0.8);
  close(kendall(pairs), 0.6);
});

test('Spearman and Kendall with a tie worked by hand', () => {
  // x ranks 0 1.5 1.5 3, y ranks 0 1 2 3: ρ = 4.5 / √(4.5·5); five of six pairs agree, one is tied in x.
  const pairs: Pair[] = [
    [1, 1],
    [2, 2],
    [2, 3],
    [3, 4],
  ];
  close(spearman(pairs), 4.5 / Math.sqrt(4.5 * 5));
  close(kendall(pairs), 5 / Math.sqrt(5 * 6));
});

test('rank correlations do not change under monotone maps and change sign under reversal', () => {
  const random = new Random(1);
  const pairs = Array.from({ length: 40 }, (): Pair => [random.uniform(), random.uniform()]);
  const mapped = pairs.map(([x, y]): Pair => [Math.exp(3 * x), y ** 3]);
  const reversed = pairs.map(([x, y]): Pair => [-x, y]);
  for (const correlation of [spearman, kendall]) {
    close(correlation(mapped), correlation(pairs));
    close(correlation(reversed), -correlation(pairs));
  }
});

test('calibration is predicted ÷ true in nats, metrics without unit have none, and one factor mends either', () => {
  const pairs = Array.from({ length: 20 }, (_, i): Pair => [0.8 * (i + 1), i + 1]);
  const nats = rankMetric({ name: 'a', nats: true }, pairs)!;
  close(nats.calibration!.value, 0.8);
  close(nats.calibration!.low, 0.8);
  assert.equal(nats.within!.value, 0);
  assert.equal(nats.withinScaled.value, 1);
  const free = rankMetric({ name: 'b', nats: false }, pairs)!;
  assert.equal(free.calibration, undefined);
  assert.equal(free.within, undefined);
  assert.equal(free.withinScaled.value, 1);
  close(free.spearman.value, 1);
});

test('intervals hold the value and shrink with more plans', () => {
  const random = new Random(2);
  const draw = (count: number): Pair[] =>
    Array.from({ length: count }, () => {
      const x = random.normal();
      return [Math.exp(x), Math.exp(x + 0.5 * random.normal())];
    });
  const widths = [20, 320].map((count) => {
    const { spearman: rho } = rankMetric({ name: 'a', nats: true }, draw(count))!;
    assert.ok(rho.low <= rho.value && rho.value <= rho.high);
    return rho.high - rho.low;
  });
  assert.ok(widths[1] < widths[0] / 2, `${widths}`);
});

test('a metric that says the same of every plan, or nothing finite, ranks nothing', () => {
  const truth = [1, 2, 3];
  for (const value of [0, 7, Number.NaN])
    assert.equal(
      rankMetric(
        { name: 'a', nats: true },
        truth.map((kl): Pair => [value, kl]),
      ),
      undefined,
    );
});
