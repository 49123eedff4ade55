import type { Group, Option, Problem } from '../../src/allocate/types.ts';
import { Random } from '../../src/core/random.ts';

/** Kinds of random instances: from independent numbers to what tensors look like to the worst case of knapsacks. */
export const KINDS = ['uncorrelated', 'tensors', 'layers', 'proportional', 'ties'] as const;
export type Kind = (typeof KINDS)[number];

/** `n` groups of `k` options, the same for the same seed. */
export function randomGroups(kind: Kind, n: number, k: number, seed: number): Group[] {
  const random = new Random(seed).fork(kind);
  return Array.from({ length: n }, (_, g) => {
    const values = kind === 'layers' ? [589_824, 393_216, 884_736][g % 3] : 256 * (10 + random.integer(5000));
    const sensitivity = Math.exp(2 * random.normal());
    const options = Array.from({ length: k }, (_, j) => makeOption(kind, random, j, k, values, sensitivity));
    return { id: `g${g}`, options };
  });
}

function makeOption(kind: Kind, random: Random, j: number, k: number, values: number, sensitivity: number): Option {
  const id = `o${j}`;
  const bits = 2 + (6 * j) / Math.max(1, k - 1);
  switch (kind) {
    case 'uncorrelated':
      return { id, bytes: random.integer(1_000_000), loss: random.uniform() };
    case 'tensors':
    case 'layers': {
      const loss = sensitivity * 1e-6 * values * 2 ** (-2 * bits) * (1 + 0.2 * random.uniform());
      return { id, bytes: 32 * Math.ceil((values * bits) / 256), loss, lossError: 0.1 * loss };
    }
    case 'proportional': {
      const bytes = 32 * random.integer(1000);
      return { id, bytes, loss: 1 - bytes / 32_000 };
    }
    case 'ties':
      return { id, bytes: 32 * random.integer(4), loss: random.integer(3) };
  }
}

export function range(groups: readonly Group[]): { least: number; most: number } {
  const sum = (pick: (...bytes: number[]) => number) =>
    groups.reduce((total, group) => total + pick(...group.options.map((option) => option.bytes)), 0);
  return { least: sum(Math.min), most: sum(Math.max) };
}

/** A budget at `share` of the way from the least to the most bytes. */
export function budgetAt(groups: readonly Group[], share: number): number {
  const { least, most } = range(groups);
  return Math.floor(least + share * (most - least));
}

/** Least loss by trying every plan; undefined when none fits. */
export function bruteForce({ groups, budget }: Problem, from = 0): number | undefined {
  if (budget < 0) return undefined;
  if (from === groups.length) return 0;
  let best: number | undefined;
  for (const option of groups[from].options) {
    const rest = bruteForce({ groups, budget: budget - option.bytes }, from + 1);
    if (rest !== undefined && (best === undefined || rest + option.loss < best)) best = rest + option.loss;
  }
  return best;
}
