/**
 * bitbudget for a browser's worker: the main job and its steps, each one call. `bitbudget/parts` has what they are made of.
 * Kernels wait for their threads, which pages may not: call these from a worker.
 */
import type { WorkOptions } from './core/progress.ts';
import type { Task, TaskScore } from './evaluate/tasks/types.ts';
import type { Evaluation } from './evaluate/types.ts';
import { evaluateOn, evaluateTasksOn, type TaskRequest } from './library/evaluate.ts';
import { chatOn, runOn, type TextStream } from './library/generate.ts';
import { planOn } from './library/plan.ts';
import { quantizeOn } from './library/quantize.ts';
import type {
  ChatRequest,
  EvaluateRequest,
  PlanRequest,
  Quantized,
  QuantizeRequest,
  RunOptions,
  Source,
} from './library/types.ts';
import type { WebModelSource } from './model/open.ts';
import type { Model } from './model/types.ts';
import { browserHost } from './pipeline/host/browser.ts';
import type { Solved } from './pipeline/solve.ts';
import type { ChatMessage } from './text/chat.ts';

export { locateAssets } from './core/assets.ts';
export * from './library/exports.ts';
export { writtenFile } from './pipeline/host/browser.ts';

/**
 * Opens a model: a .gguf file or the files of a Hugging Face folder, picked by the user or behind an address. What lies behind an
 * address is fetched whole, since weights are read more than once.
 * @param source a `File` or `Blob`, several `File`s, or an address: of a .gguf file, or of a folder with `/` at its end
 * @param options signal and progress of fetching
 * @returns the model; close it when you are done
 * @throws UsageError when the files are no model; FormatError when it is damaged or not supported; BitbudgetError with code `network`
 *   when the server cannot be reached
 */
export async function openModel(source: WebModelSource, options: WorkOptions = {}): Promise<Model> {
  return await browserHost.openModel(source, options);
}

/**
 * The main job: finds the best file within a budget, writes it, and measures how far it is from the original. What was measured once is
 * kept, so that the next budget takes seconds, and interrupted work goes on where it stopped.
 * @param source the model: a file, an address, or one that is open
 * @param request what to write, what it must keep to, and how
 * @returns the file's size and plan, what was measured, and the record that `report` makes a page of
 * @throws UsageError for a request that makes no sense; BitbudgetError with code `budget` for one that no file can keep; `signal.reason`
 *   when it was aborted
 */
export async function quantize(source: Source, request: QuantizeRequest): Promise<Quantized> {
  return await quantizeOn(browserHost, source, request);
}

/**
 * Finds what a budget buys, without writing a model: the best plan, or the best plans of all sizes.
 * @param source the model: a file, an address, or one that is open
 * @param request the budget and how to search; nothing of it is needed
 * @returns plans with their predicted loss, smallest first
 * @throws UsageError for a request that makes no sense; BitbudgetError with code `budget` for one that no plan can keep; `signal.reason`
 *   when it was aborted
 */
export async function plan(source: Source, request: PlanRequest = {}): Promise<Solved> {
  return await planOn(browserHost, source, request);
}

/**
 * Measures how far a model is from its original: KL divergence, perplexity, how often their likeliest tokens agree.
 * @param source the model to judge: a file, an address, or one that is open
 * @param request the original and the text
 * @returns means with standard errors, per scored token
 * @throws UsageError when the vocabularies differ, or the text is too short; `signal.reason` when it was aborted
 */
export async function evaluate(source: Source, request: EvaluateRequest): Promise<Evaluation> {
  return await evaluateOn(browserHost, source, request);
}

/**
 * Asks a model questions that have a right answer, and its original the same.
 * @param source the model to ask
 * @param tasks as `readTasks` reads them
 * @param request the original, signal and progress
 * @returns a score for each name of task, with intervals
 * @throws UsageError when a task is longer than the model's context; `signal.reason` when it was aborted
 */
export async function evaluateTasks(
  source: Source,
  tasks: readonly Task[],
  request: TaskRequest = {},
): Promise<TaskScore[]> {
  return await evaluateTasksOn(browserHost, source, tasks, request);
}

/**
 * Continues a prompt, token by token.
 * @param source the model: a file, an address, or one that is open
 * @param prompt text to continue
 * @param options how many tokens, how they are drawn
 * @returns text as it comes; what the generator returns at its end tells counts and speed
 * @throws UsageError for a prompt that the context does not hold; `signal.reason` when it was aborted before the first token
 */
export function run(source: Source, prompt: string, options: RunOptions = {}): TextStream {
  return runOn(browserHost, source, prompt, options);
}

/**
 * Answers a conversation, by the model's own template and with its own first token.
 * @param source the model: a file, an address, or one that is open
 * @param messages what was said, `{ role, content }` each
 * @param request how many tokens, how they are drawn, variables of the template
 * @returns text as it comes; what the generator returns at its end tells counts and speed
 * @throws BitbudgetError when the model has no template; `signal.reason` when it was aborted before the first token
 */
export function chat(source: Source, messages: readonly ChatMessage[], request: ChatRequest = {}): TextStream {
  return chatOn(browserHost, source, messages, request);
}
