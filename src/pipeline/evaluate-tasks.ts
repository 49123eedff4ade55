import { UsageError } from '../core/errors.ts';
import type { WorkOptions } from '../core/progress.ts';
import { answerTasks } from '../evaluate/tasks/answer.ts';
import { scoreTasks } from '../evaluate/tasks/compare.ts';
import { readTasks } from '../evaluate/tasks/read.ts';
import type { Task, TaskResult, TaskScore } from '../evaluate/tasks/types.ts';
import type { Model } from '../model/types.ts';
import { createSession } from '../run/session.ts';
import { decodeText, gunzipped } from '../text/load.ts';
import type { Host } from './host/types.ts';

/** Most tokens of a prompt with its answer, unless the model holds fewer. */
const CONTEXT = 2048;

export interface EvaluateTasksOptions extends WorkOptions {
  /** The model that it was made of. */
  readonly original?: Model;
  readonly threads?: number;
}

/** Reads a file of tasks, gunzipped where it is gzip. @throws UsageError when it is not there, FormatError when it is damaged */
export async function loadTasks(host: Host, name: string): Promise<Task[]> {
  const source = await host.source(name).catch((cause: Error) => {
    throw new UsageError(`${cause.message}; give a .jsonl file of tasks`, { cause });
  });
  try {
    return readTasks(decodeText(await gunzipped(await source.read(0, source.byteLength), name), name), name);
  } finally {
    await source.close();
  }
}

/** Puts tasks to a model, and to its original, as `run` would run them. Leaves the models open. */
export async function evaluateTasks(
  host: Host,
  model: Model,
  tasks: readonly Task[],
  { original, threads = host.threads, ...work }: EvaluateTasksOptions = {},
): Promise<TaskScore[]> {
  const kernels = await host.kernels(threads);
  const put = async (one: Model): Promise<TaskResult[]> => {
    const contextLength = Math.min(one.config.contextLength, CONTEXT);
    const session = await createSession(kernels.device, one, { contextLength });
    try {
      return await answerTasks(session, one.tokenizer, tasks, work);
    } finally {
      session.close();
    }
  };
  try {
    const results = await put(model);
    return scoreTasks(tasks, results, original && (await put(original)));
  } finally {
    kernels.close();
  }
}
