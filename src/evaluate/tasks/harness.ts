import { FormatError } from '../../core/errors.ts';
import type { Task } from './types.ts';

/*
 * Samples of lm-evaluation-harness, as `lm_eval --log_samples --output_path DIR` writes them to samples_TASK_DATE.jsonl:
 * `arguments` holds the requests that were made of the model, `target` the right answer. Older versions write requests as
 * lists, newer ones as {"gen_args_0": {"arg_0": context, "arg_1": continuation}, …}.
 */

type Request = readonly [context: string, continuation: unknown];

export function isHarnessSample(item: Readonly<Record<string, unknown>>): boolean {
  return 'arguments' in item && 'target' in item;
}

/**
 * The task that a sample asked. Requests of log-likelihoods become choices, or one of them an answer (LAMBADA); a request to
 * generate becomes an answer.
 * @param name where the sample does not say its task
 * @throws FormatError for samples that have no short right answer
 */
export function taskOfSample(item: Readonly<Record<string, unknown>>, subject: string, name: string): Task {
  const requests = requestsOf(item['arguments'], subject);
  const task = typeof item['task_name'] === 'string' ? item['task_name'] : name;
  const { target } = item;
  const texts = requests.map(([, continuation]) => continuation);
  if (requests.length > 1 && texts.every((text) => typeof text === 'string')) {
    const choices = requests.map(([prompt, text]) => ({ prompt, text: text as string }));
    return { kind: 'choice', task, choices, answer: indexOf(target, texts as string[], subject) };
  }
  const [[prompt, asked]] = requests;
  const answer = typeof asked === 'string' ? asked : target;
  const answers = (Array.isArray(answer) ? answer : [answer]).map((each) => String(each ?? '').trim());
  if (requests.length > 1 || answers.some((each) => each === '' || each.includes('\n')))
    throw new FormatError(`${subject}: has no choices and no answer of one line, which is all that can be compared`);
  return { kind: 'answer', task, prompt, answers };
}

function requestsOf(value: unknown, subject: string): Request[] {
  const listed = Array.isArray(value) ? value : Object.values((value ?? {}) as object);
  const requests = listed.map((request: unknown) =>
    Array.isArray(request) ? request : Object.values((request ?? {}) as object),
  );
  if (requests.length === 0 || requests.some(([context]) => typeof context !== 'string' || context === ''))
    throw new FormatError(`${subject}: its "arguments" hold no request with a context`);
  return requests as unknown as Request[];
}

/** A target is the number of the right choice, or its text. */
function indexOf(target: unknown, texts: readonly string[], subject: string): number {
  const number = typeof target === 'string' && /^\d+$/.test(target.trim()) ? Number(target) : target;
  if (Number.isInteger(number) && (number as number) >= 0 && (number as number) < texts.length) return number as number;
  const found = texts.findIndex((text) => text.trim() === String(target).trim());
  if (found < 0) throw new FormatError(`${subject}: its target ${JSON.stringify(target)} is none of its choices`);
  return found;
}
