import type { Share, Task, TaskMeasure, TaskResult, TaskScore } from './types.ts';

/** Standard errors on each side of a 95 % interval. */
const Z = 1.96;

/**
 * Scores by task and measure, tasks in the order of their first items.
 * @param original what the original made of the same tasks
 */
export function scoreTasks(
  tasks: readonly Task[],
  results: readonly TaskResult[],
  original?: readonly TaskResult[],
): TaskScore[] {
  const groups = Map.groupBy(tasks.keys(), (i) => JSON.stringify([tasks[i].task, tasks[i].kind]));
  return [...groups.values()].flatMap((members) => {
    const { task, kind } = tasks[members[0]];
    const measures: TaskMeasure[] = kind === 'choice' ? ['choice', 'choice per byte'] : ['answer'];
    return measures.map((measure): TaskScore => {
      const isRight = ({ right, rightPerByte }: TaskResult): boolean =>
        measure === 'choice per byte' ? rightPerByte! : right;
      const now = members.map((i) => isRight(results[i]));
      const cut = members.filter((i) => results[i].cut || original?.[i].cut).length;
      const before = original && members.map((i) => isRight(original[i]));
      const against = before && compared(now, before);
      return { task, measure, items: members.length, cut, accuracy: share(now), ...(against && { against }) };
    });
  });
}

function compared(now: readonly boolean[], before: readonly boolean[]): NonNullable<TaskScore['against']> {
  const lost = now.filter((right, i) => !right && before[i]).length;
  const gained = now.filter((right, i) => right && !before[i]).length;
  return { accuracy: share(before), difference: pairedDifference(now.length, lost, gained), lost, gained };
}

/** @see Wilson, "Probable inference, the law of succession, and statistical inference", 1927 */
export function share(right: readonly boolean[]): Share {
  const n = right.length;
  const value = right.filter(Boolean).length / n;
  const centre = (value + Z ** 2 / (2 * n)) / (1 + Z ** 2 / n);
  const reach = (Z / (1 + Z ** 2 / n)) * Math.sqrt((value * (1 - value)) / n + Z ** 2 / (4 * n ** 2));
  return { value, low: Math.max(0, centre - reach), high: Math.min(1, centre + reach) };
}

/**
 * Difference of two shares of the same items: Wald's interval with half an item added to each of the four cells.
 * @see Agresti and Min, "Simple improved confidence intervals for comparing matched proportions", 2005
 */
export function pairedDifference(items: number, lost: number, gained: number): Share {
  const n = items + 2;
  const centre = (gained - lost) / n;
  const reach = (Z * Math.sqrt(lost + gained + 1 - (gained - lost) ** 2 / n)) / n;
  return {
    value: (gained - lost) / items,
    low: Math.max(-1, centre - reach),
    high: Math.min(1, centre + reach),
  };
}
