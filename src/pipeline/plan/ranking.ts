import type { Group, Objective } from '../../allocate/types.ts';
import type { Metric, Score, ScoreTable } from '../../measure/metrics/types.ts';

/** What options are chosen by in the place of predicted KL: scores of a metric, by group and option id. */
export interface Ranking {
  /** Name of the metric. */
  readonly metric: string;
  readonly scores: ReadonlyMap<string, ReadonlyMap<string, Score>>;
  /** Whether pairs of matrices cost ⟨vector, vector⟩ twice beside their values. */
  readonly pairs: boolean;
}

/**
 * A metric's scores as plans are ranked by them.
 * @param formats names of a matrix's candidates, in the order of its scores
 */
export function rankingOf(metric: Metric, table: ScoreTable, formats: (tensor: string) => readonly string[]): Ranking {
  const scores = new Map(
    [...table].map(([tensor, list]) => [tensor, new Map(formats(tensor).map((name, i) => [name, list[i]]))]),
  );
  return { metric: metric.name, scores, pairs: metric.combine !== undefined };
}

/** The groups with scores in the place of losses; a group that the metric says nothing of loses nothing. */
export function rankedGroups(groups: readonly Group[], { scores, pairs }: Ranking): Group[] {
  const [first] = pairs ? [...scores.values()].flatMap((each) => [...each.values()]) : [];
  const none = first?.vector?.map(() => 0);
  return groups.map(({ id, options }) => ({
    id,
    options: options.map((option) => {
      const score = scores.get(id)?.get(option.id);
      // The metric counts both orders of a pair, the allocator one.
      const effect = pairs ? (score?.vector?.map((product) => Math.SQRT2 * product) ?? none) : undefined;
      return { ...option, loss: score?.value ?? 0, lossError: score?.standardError, effect };
    }),
  }));
}

/** What is made least unless something else is asked for: the sum, with all pairs where the metric knows them. */
export function defaultObjective(ranking: Pick<Ranking, 'pairs'> | undefined): Objective {
  return { kind: ranking?.pairs ? 'quadratic' : 'sum' };
}
