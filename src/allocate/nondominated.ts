import type { Random } from '../core/random.ts';

/** A plan with the values that are to be small. */
export interface Individual {
  readonly plan: Int32Array;
  readonly values: readonly number[];
}

/**
 * The best `count`: front after front of those that no other beats in every value; of the last front that does not fit
 * whole, those with the most room around them.
 * @returns in order of rank
 * @see Deb et al., "A fast and elitist multiobjective genetic algorithm: NSGA-II", IEEE TEC 6 (2002)
 */
export function select(population: readonly Individual[], count: number): Individual[] {
  const chosen: Individual[] = [];
  let rest = [...new Map(population.map((member) => [member.plan.join(), member])).values()];
  while (rest.length > 0 && chosen.length < count) {
    const front = rest.filter((member) => !rest.some((other) => dominates(other.values, member.values)));
    const room = crowding(front);
    const order = front.map((_, i) => i).sort((a, b) => room[b] - room[a] || a - b);
    chosen.push(...order.slice(0, count - chosen.length).map((i) => front[i]));
    const taken = new Set(front);
    rest = rest.filter((member) => !taken.has(member));
  }
  return chosen;
}

/** The better ranked of two drawn at random. */
export function tournament(ranked: readonly Individual[], random: Random): Individual {
  return ranked[Math.min(random.integer(ranked.length), random.integer(ranked.length))];
}

export function dominates(a: readonly number[], b: readonly number[]): boolean {
  return a.every((value, v) => value <= b[v]) && a.some((value, v) => value < b[v]);
}

/** Distance between each member's neighbours, summed over values; Infinity at the ends. */
function crowding(front: readonly Individual[]): number[] {
  const room = front.map(() => 0);
  for (let v = 0; v < (front[0]?.values.length ?? 0); v++) {
    const order = front.map((_, i) => i).sort((a, b) => front[a].values[v] - front[b].values[v]);
    const spread = front[order[order.length - 1]].values[v] - front[order[0]].values[v] || 1;
    for (const [at, i] of order.entries()) {
      const ends = at === 0 || at === order.length - 1;
      room[i] += ends ? Infinity : (front[order[at + 1]].values[v] - front[order[at - 1]].values[v]) / spread;
    }
  }
  return room;
}
