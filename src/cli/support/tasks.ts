import type { Share, Task, TaskScore } from '../../evaluate/tasks/types.ts';
import type { Model } from '../../model/types.ts';
import type { OutputOptions } from './options.ts';
import { table } from './output.ts';
import { withProgress } from './work.ts';

/** Tasks of all files, in the order named. */
export async function readTaskFiles(paths: readonly string[]): Promise<Task[]> {
  const { nodeHost } = await import('../../pipeline/host/node.ts');
  const { loadTasks } = await import('../../pipeline/evaluate-tasks.ts');
  return (await Promise.all(paths.map((path) => loadTasks(nodeHost, path)))).flat();
}

/** Puts tasks to a model and, where it is there, its original; both stay open. */
export async function putTasks(
  model: Model,
  original: Model | undefined,
  tasks: readonly Task[],
  options: OutputOptions & { readonly threads: number },
): Promise<TaskScore[]> {
  const { nodeHost } = await import('../../pipeline/host/node.ts');
  const { evaluateTasks } = await import('../../pipeline/evaluate-tasks.ts');
  return await withProgress(options, (work) =>
    evaluateTasks(nodeHost, model, tasks, { ...work, original, threads: options.threads }),
  );
}

/** A row for every measure; intervals are of 95 %. */
export function taskLines(scores: readonly TaskScore[]): string[] {
  const compared = scores.some(({ against }) => against !== undefined);
  const rows = scores.map(({ task, measure, items, accuracy, against }) => [
    task,
    measure,
    String(items),
    percent(accuracy),
    ...(against
      ? [percent(against.accuracy), percent(against.difference, true), `${against.lost}`, `${against.gained}`]
      : []),
  ]);
  const head = [
    'task',
    'right by',
    'items',
    'right',
    ...(compared ? ['original', 'difference', 'lost', 'gained'] : []),
  ];
  const cut = scores.reduce((most, score) => Math.max(most, score.cut), 0);
  const note = cut > 0 ? [`${cut} prompts did not fit the context and lost their beginnings`] : [];
  return [...table(head, rows), ...note];
}

/** `71.5 % (66.0 to 76.4)` */
function percent({ value, low, high }: Share, signed = false): string {
  const text = (share: number): string => (signed && share > 0 ? '+' : '') + (100 * share).toFixed(1);
  return `${text(value)} % (${text(low)} to ${text(high)})`;
}
