import { FormatError, UsageError } from '../../core/errors.ts';
import { isHarnessSample, taskOfSample } from './harness.ts';
import type { ChoiceTask, Continuation, Task } from './types.ts';

/** Fields that a line may have. */
const FIELDS = ['task', 'prompt', 'choices', 'answer'];

/**
 * Tasks of a JSON Lines file: one object a line, of these two kinds, or a sample that lm-evaluation-harness logged.
 *
 *     {"task": "capitals", "prompt": "The capital of France is", "choices": [" Rome", " Paris"], "answer": 1}
 *     {"task": "capitals", "prompt": "The capital of France is", "answer": "Paris"}
 *
 * `task` may be left out; a choice may be `{"prompt": …, "text": …}` where prompts differ; an answer may be a list of which any is
 * right.
 * @param text of the file
 * @param name of the file, for messages and for lines without `task`
 * @returns the tasks in order
 * @throws FormatError naming the line; UsageError for a file without lines
 */
export function readTasks(text: string, name: string): Task[] {
  const lines = text.split('\n').map((line, i) => ({ line: line.trim(), subject: `${name}, line ${i + 1}` }));
  const fallback = name.replace(/^.*\//, '').replace(/\.jsonl(\.gz)?$/, '');
  const seen = new Set<string>();
  const tasks = lines.flatMap(({ line, subject }) => {
    if (line === '') return [];
    const item = parsed(line, subject);
    const task = isHarnessSample(item)
      ? taskOfSample(item, subject, fallback.replace(/^samples_(.*?)(_\d{4}-\d\d-\d\dT.*)?$/, '$1'))
      : ownTask(item, subject, fallback);
    // The harness logs a sample once for every filter of its answers.
    const key = isHarnessSample(item) ? JSON.stringify([item['doc_id'], task]) : undefined;
    if (key !== undefined && seen.has(key)) return [];
    if (key !== undefined) seen.add(key);
    return [task];
  });
  if (tasks.length === 0) throw new UsageError(`${name}: holds no tasks; expected one JSON object a line`);
  return tasks;
}

function parsed(line: string, subject: string): Record<string, unknown> {
  let value: unknown;
  try {
    value = JSON.parse(line);
  } catch {
    throw new FormatError(`${subject}: is not JSON; expected one object a line`);
  }
  if (typeof value !== 'object' || value === null || Array.isArray(value))
    throw new FormatError(`${subject}: expected a JSON object`);
  return value as Record<string, unknown>;
}

function ownTask(item: Record<string, unknown>, subject: string, fallback: string): Task {
  const unknown = Object.keys(item).find((field) => !FIELDS.includes(field));
  if (unknown !== undefined)
    throw new FormatError(`${subject}: "${unknown}" is not known; expected ${FIELDS.join(', ')}`);
  const { task = fallback, prompt = '', choices, answer } = item;
  if (typeof task !== 'string' || typeof prompt !== 'string')
    throw new FormatError(`${subject}: "task" and "prompt" must be texts`);
  if (choices !== undefined) return choiceTask(task, prompt, choices, answer, subject);
  const answers = Array.isArray(answer) ? answer : [answer];
  if (prompt === '' || !answers.every((each) => typeof each === 'string' && each.trim() !== ''))
    throw new FormatError(`${subject}: expected a "prompt" with "choices", or with an "answer" to be written`);
  return { kind: 'answer', task, prompt, answers: answers.map((each: string) => each.trim()) };
}

function choiceTask(task: string, prompt: string, choices: unknown, answer: unknown, subject: string): ChoiceTask {
  if (!Array.isArray(choices) || choices.length < 2)
    throw new FormatError(`${subject}: "choices" must be a list of two or more`);
  const read = choices.map((choice: unknown): Continuation => {
    const own = typeof choice === 'string' ? { prompt, text: choice } : (choice as Partial<Continuation> | null);
    if (typeof own?.prompt !== 'string' || own.prompt === '' || typeof own.text !== 'string' || own.text === '')
      throw new FormatError(`${subject}: every choice needs a text and a prompt before it`);
    return { prompt: own.prompt, text: own.text };
  });
  if (!Number.isInteger(answer) || (answer as number) < 0 || (answer as number) >= read.length)
    throw new FormatError(`${subject}: "answer" is ${JSON.stringify(answer)}; expected the number of a choice, from 0`);
  return { kind: 'choice', task, choices: read, answer: answer as number };
}
