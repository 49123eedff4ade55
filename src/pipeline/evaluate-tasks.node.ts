import { readFile } from 'node:fs/promises';
import { availableParallelism } from 'node:os';
import { promisify } from 'node:util';
import { gunzip } from 'node:zlib';
import { UsageError } from '../core/errors.ts';
import type { WorkOptions } from '../core/progress.ts';
import { answerTasks } from '../evaluate/tasks/answer.ts';
import { scoreTasks } from '../evaluate/tasks/compare.ts';
import { readTasks } from '../evaluate/tasks/read.ts';
import type { Task, TaskResult, TaskScore } from '../evaluate/tasks/types.ts';
import { createWasmKernels } from '../kernels/wasm/index.ts';
import type { Model } from '../model/types.ts';
import { createSession } from '../run/session.ts';

/** Most tokens of a prompt with its answer, unless the model holds fewer. */
const CONTEXT = 2048;

export interface EvaluateTasksOptions extends WorkOptions {
  /** The model that it was made of. */
  readonly original?: Model;
  readonly threads?: number;
}

/** Reads a file of tasks, gunzipped where it is gzip. @throws UsageError when it is not there, FormatError when it is damaged */
export async function loadTasks(path: string): Promise<Task[]> {
  const bytes = await readFile(path).catch((error: NodeJS.ErrnoException) => {
    throw new UsageError(`${path}: cannot be read (${error.code}); give a .jsonl file of tasks`);
  });
  const isGzip = bytes[0] === 0x1f && bytes[1] === 0x8b;
  const text = (isGzip ? await promisify(gunzip)(bytes) : bytes).toString('utf8');
  return readTasks(text, path);
}

/** Puts tasks to a model, and to its original, as `run` would run them. Leaves the models open. */
export async function evaluateTasks(
  model: Model,
  tasks: readonly Task[],
  { original, threads = availableParallelism(), ...work }: EvaluateTasksOptions = {},
): Promise<TaskScore[]> {
  const kernels = await createWasmKernels({ threads });
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
