/** A value of every factor. */
export type Cell<Factors> = {
  readonly [name in keyof Factors]: Factors[name] extends readonly (infer Value)[] ? Value : never;
};

/** All cells: every value of each factor with every value of the others. */
export function product<const Factors extends Readonly<Record<string, readonly unknown[]>>>(
  factors: Factors,
): Cell<Factors>[] {
  let cells: Record<string, unknown>[] = [{}];
  for (const [name, values] of Object.entries(factors))
    cells = cells.flatMap((cell) => values.map((value) => ({ ...cell, [name]: value })));
  return cells as Cell<Factors>[];
}

/**
 * Few cells in which every pair of values of two factors occurs that an allowed cell holds: a covering design of strength
 * 2, by taking the cell with the most new pairs until none is left; of several the one whose values were used least.
 * @param allowed cells that can be run, default all
 * @see Cohen, Dalal, Fredman, Patton, "The AETG system", 1997, for the greedy choice
 */
export function pairwise<const Factors extends Readonly<Record<string, readonly unknown[]>>>(
  factors: Factors,
  allowed: (cell: Cell<Factors>) => boolean = () => true,
): Cell<Factors>[] {
  const names = Object.keys(factors);
  const valuesOf = (cell: Cell<Factors>): string[] => names.map((name) => JSON.stringify([name, cell[name]]));
  const pairsOf = (cell: Cell<Factors>): string[] =>
    names.flatMap((a, i) => names.slice(i + 1).map((b) => JSON.stringify([a, cell[a], b, cell[b]])));
  const candidates = product(factors)
    .filter(allowed)
    .map((cell) => ({ cell, pairs: pairsOf(cell), values: valuesOf(cell) }));
  const open = new Set(candidates.flatMap(({ pairs }) => pairs));
  const uses = new Map<string, number>();
  const chosen: Cell<Factors>[] = [];
  while (open.size > 0) {
    let best = candidates[0];
    let [most, fewest] = [0, 0];
    for (const candidate of candidates) {
      const gain = candidate.pairs.filter((pair) => open.has(pair)).length;
      const used = candidate.values.reduce((sum, value) => sum + (uses.get(value) ?? 0), 0);
      if (gain > most || (gain === most && used < fewest)) [best, most, fewest] = [candidate, gain, used];
    }
    for (const pair of best.pairs) open.delete(pair);
    for (const value of best.values) uses.set(value, (uses.get(value) ?? 0) + 1);
    chosen.push(best.cell);
  }
  return chosen;
}
