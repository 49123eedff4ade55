import { checkpoint, type WorkOptions } from '../../core/progress.ts';
import type { Session } from '../../run/session.ts';
import type { Tokenizer } from '../../text/types.ts';
import type { AnswerTask, ChoiceTask, Continuation, Task, TaskResult } from './types.ts';

/**
 * Puts tasks to a model one after the other. What the cache holds of the task before is used again, so that choices after
 * one prompt cost the prompt once.
 */
export async function answerTasks(
  session: Session,
  tokenizer: Tokenizer,
  tasks: readonly Task[],
  { signal, onProgress }: WorkOptions = {},
): Promise<TaskResult[]> {
  const reader = new Reader(session, tokenizer);
  const results: TaskResult[] = [];
  for (const task of tasks) {
    await checkpoint(signal);
    results.push(task.kind === 'choice' ? await choose(reader, task) : await write(reader, tokenizer, task));
    onProgress?.({ stage: 'answering', done: results.length, total: tasks.length, unit: 'tasks', detail: task.task });
  }
  return results;
}

async function choose(reader: Reader, { choices, answer }: ChoiceTask): Promise<TaskResult> {
  const found: { sum: number; perByte: number; cut: boolean }[] = [];
  for (const choice of choices) {
    const { logLikelihood, cut } = await reader.logLikelihood(choice);
    found.push({ sum: logLikelihood, perByte: logLikelihood / encoder.encode(choice.text).length, cut });
  }
  const isLargest = (value: (each: (typeof found)[number]) => number): boolean =>
    found.every((each, i) => i === answer || value(each) < value(found[answer]));
  return {
    right: isLargest(({ sum }) => sum),
    rightPerByte: isLargest(({ perByte }) => perByte),
    cut: found.some(({ cut }) => cut),
  };
}

/** Writes the likeliest tokens until the text is an answer, or can no longer become one. */
async function write(reader: Reader, tokenizer: Tokenizer, { prompt, answers }: AnswerTask): Promise<TaskResult> {
  const { logits, cut, room } = await reader.read(prompt, Math.max(...answers.map((answer) => answer.length)) + 8);
  let next = logits;
  const written: number[] = [];
  for (;;) {
    const token = likeliest(next);
    const ended = tokenizer.stop.includes(token) || written.length === room;
    if (!ended) written.push(token);
    const text = tokenizer.decode(written).trimStart();
    if (answers.some((answer) => isAnswer(text, answer, ended))) return { right: true, cut };
    if (ended || !answers.some((answer) => mayBecome(text, answer))) return { right: false, cut };
    next = await reader.append(token);
  }
}

const encoder = new TextEncoder();

/** The text begins with the answer, and no letter or digit goes on with its last word. */
function isAnswer(text: string, answer: string, ended: boolean): boolean {
  if (!text.startsWith(answer)) return false;
  return text.length > answer.length ? !/^[\p{L}\p{N}]/u.test(text.slice(answer.length)) : ended;
}

/** What was decoded may end in the middle of a character. */
function mayBecome(text: string, answer: string): boolean {
  const whole = text.replace(/\uFFFD+$/, '');
  return answer.startsWith(whole) || (whole === answer && text.length === answer.length);
}

/** A session and what its cache holds. */
class Reader {
  readonly #session: Session;
  readonly #tokenizer: Tokenizer;
  #held: number[] = [];

  constructor(session: Session, tokenizer: Tokenizer) {
    this.#session = session;
    this.#tokenizer = tokenizer;
  }

  /**
   * Log-likelihood of a text after its prompt, in nats. Prompt and text are tokenized together, blanks at the prompt's end
   * with the text, as lm-evaluation-harness does; its tokens are those behind what the prompt alone has in common.
   */
  async logLikelihood({ prompt, text }: Continuation): Promise<{ logLikelihood: number; cut: boolean }> {
    const all = this.#encode(prompt + text);
    const alone = this.#encode(prompt.trimEnd());
    const known = Math.max(1, Math.min(commonLength(all, alone), all.length - 1));
    const { ids, cut } = this.#fit(all, 0);
    const first = known - (all.length - ids.length);
    let logits = await this.#advance(ids.slice(0, Math.max(1, first)));
    let sum = 0;
    for (let t = Math.max(1, first); t < ids.length; t++) {
      sum += logProbability(logits, ids[t]);
      if (t + 1 < ids.length) logits = await this.append(ids[t]);
    }
    return { logLikelihood: sum, cut };
  }

  /** Logits after a prompt. @param wanted tokens to leave room for, where the context has it */
  async read(prompt: string, wanted: number): Promise<{ logits: Float32Array; cut: boolean; room: number }> {
    const { ids, cut } = this.#fit(this.#encode(prompt), Math.min(wanted, this.#session.contextLength >> 1));
    return { logits: await this.#advance(ids), cut, room: this.#session.contextLength - ids.length };
  }

  async append(token: number): Promise<Float32Array> {
    this.#held.push(token);
    return await this.#session.decode(token);
  }

  /** Makes the cache hold exactly these tokens; the last one is always read anew, for its logits. */
  async #advance(ids: readonly number[]): Promise<Float32Array> {
    const kept = Math.min(commonLength(this.#held, ids), ids.length - 1);
    this.#session.rewind(kept);
    this.#held = [...ids];
    return await this.#session.prefill(ids.slice(kept));
  }

  #encode(text: string): number[] {
    const { bos, addBos } = this.#tokenizer;
    return [...(addBos && bos !== undefined ? [bos] : []), ...this.#tokenizer.encode(text)];
  }

  /** What is too long loses its beginning, as in lm-evaluation-harness. */
  #fit(ids: number[], room: number): { ids: number[]; cut: boolean } {
    const most = this.#session.contextLength - room;
    return ids.length > most ? { ids: ids.slice(ids.length - most), cut: true } : { ids, cut: false };
  }
}

function commonLength(a: readonly number[], b: readonly number[]): number {
  const differs = a.findIndex((id, i) => id !== b[i]);
  return differs < 0 ? Math.min(a.length, b.length) : differs;
}

function likeliest(logits: Float32Array): number {
  let best = 0;
  for (let i = 1; i < logits.length; i++) if (logits[i] > logits[best]) best = i;
  return best;
}

/** log softmax of one entry. */
function logProbability(logits: Float32Array, token: number): number {
  let largest = -Infinity;
  for (const value of logits) largest = Math.max(largest, value);
  let sum = 0;
  for (const value of logits) sum += Math.exp(value - largest);
  return logits[token] - largest - Math.log(sum);
}
