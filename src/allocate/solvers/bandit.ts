import type { Random } from '../../core/random.ts';

/** Chooses among arms by the rewards they brought, in [0, 1]. */
export interface Bandit {
  choose(): number;
  reward(arm: number, value: number): void;
}

export type BanditKind = 'greedy' | 'softmax' | 'thompson';

/** Share of draws that try any arm. */
const EXPLORE = 0.1;

/** Temperature of softmax over mean rewards. */
const TEMPERATURE = 0.2;

/**
 * - `greedy`: the arm of highest mean, now and then any.
 * - `softmax`: in proportion to exp(mean ÷ temperature).
 * - `thompson`: the arm that is best under one draw of every arm's mean from its posterior.
 * @see Lattimore and Szepesvári, "Bandit Algorithms", 2020
 */
export function bandit(kind: BanditKind, arms: number, random: Random): Bandit {
  const pulls = new Float64Array(arms);
  const total = new Float64Array(arms);
  const mean = (arm: number): number => (total[arm] + 0.5) / (pulls[arm] + 1);
  const best = (score: (arm: number) => number): number => {
    const scores = Float64Array.from({ length: arms }, (_, arm) => score(arm));
    return scores.indexOf(scores.reduce((most, value) => Math.max(most, value), -Infinity));
  };
  return {
    choose() {
      if (kind === 'softmax')
        return drawn(
          random,
          Float64Array.from(pulls, (_, arm) => Math.exp(mean(arm) / TEMPERATURE)),
        );
      if (kind === 'thompson') return best((arm) => mean(arm) + random.normal() * Math.sqrt(0.25 / (pulls[arm] + 1)));
      return random.uniform() < EXPLORE ? random.integer(arms) : best(mean);
    },
    reward(arm, value) {
      pulls[arm]++;
      total[arm] += value;
    },
  };
}

function drawn(random: Random, weight: Float64Array): number {
  let left = random.uniform() * weight.reduce((sum, value) => sum + value, 0);
  for (let arm = 0; arm < weight.length; arm++) {
    left -= weight[arm];
    if (left < 0) return arm;
  }
  return weight.length - 1;
}
