import type { Group, Problem } from './types.ts';

/** The objective's value of a choice. @param choice option index per group */
export function lossOf(
  { groups, objective }: Pick<Problem, 'groups' | 'objective'>,
  choice: ArrayLike<number>,
): number {
  const chosen = groups.map(({ options }, g) => options[choice[g]]);
  switch (objective?.kind) {
    case 'max':
      return chosen.reduce((most, { loss }) => Math.max(most, loss), chosen.length === 0 ? 0 : -Infinity);
    case 'worst':
      return sumOfLargest(
        chosen.map(({ loss }) => loss),
        objective.count,
      );
    case 'quadratic':
      return chosen.reduce((sum, { loss }) => sum + loss, 0) + pairwise(groups, choice);
    default:
      return chosen.reduce((sum, { loss }) => sum + loss, 0);
  }
}

export function sumOfLargest(values: readonly number[], count: number): number {
  return values
    .toSorted((a, b) => b - a)
    .slice(0, count)
    .reduce((sum, value) => sum + value, 0);
}

/** Σ over pairs of groups of ⟨effect, effect⟩ = ½(|Σ effect|² − Σ |effect|²). */
function pairwise(groups: readonly Group[], choice: ArrayLike<number>): number {
  const total = new Float64Array(groups[0]?.options[choice[0]].effect?.length ?? 0);
  let own = 0;
  for (let g = 0; g < groups.length; g++) {
    const effect = groups[g].options[choice[g]].effect ?? [];
    for (let d = 0; d < total.length; d++) {
      total[d] += effect[d];
      own += effect[d] ** 2;
    }
  }
  return 0.5 * (total.reduce((sum, value) => sum + value * value, 0) - own);
}
