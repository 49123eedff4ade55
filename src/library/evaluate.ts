import type { WorkOptions } from '../core/progress.ts';
import type { Task, TaskScore } from '../evaluate/tasks/types.ts';
import type { Evaluation } from '../evaluate/types.ts';
import { evaluateFiles } from '../pipeline/evaluate.ts';
import { evaluateTasks } from '../pipeline/evaluate-tasks.ts';
import type { Host } from '../pipeline/host/types.ts';
import { EVALUATION_TOKENS } from '../pipeline/text-amounts.ts';
import { openSource } from './source.ts';
import type { EvaluateRequest, Source } from './types.ts';

/** Compares a model with its original on held-out text. */
export async function evaluateOn(host: Host, source: Source, request: EvaluateRequest): Promise<Evaluation> {
  const { original, text, ...options } = request;
  const model = await openSource(host, source, 'run', request);
  const reference = await openSource(host, original, 'original', request).catch(async (error) => {
    await model.close();
    throw error;
  });
  const choice = { files: text?.files, tokens: text?.tokens ?? EVALUATION_TOKENS };
  return (await evaluateFiles(host, model, { ...options, original: reference, text: choice }))!;
}

/** Whom tasks are put to beside the model. */
export interface TaskRequest extends WorkOptions {
  /** The model that the other was made of; default none. */
  original?: Source;
  /** Default all cores. */
  threads?: number;
}

/** Puts tasks to a model, and to its original. */
export async function evaluateTasksOn(
  host: Host,
  source: Source,
  tasks: readonly Task[],
  { original, ...options }: TaskRequest,
): Promise<TaskScore[]> {
  const model = await openSource(host, source, 'run', options);
  try {
    const reference = original === undefined ? undefined : await openSource(host, original, 'original', options);
    try {
      return await evaluateTasks(host, model, tasks, { ...options, original: reference });
    } finally {
      await reference?.close();
    }
  } finally {
    await model.close();
  }
}
