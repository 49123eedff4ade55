import { FormatError } from '../core/errors.ts';
import type { ChatMessage } from './chat.ts';

/** One text of a corpus: plain, or a conversation that the model's template renders. */
export type Document =
  | { readonly text: string }
  | {
      readonly messages: readonly ChatMessage[];
      readonly tools?: readonly unknown[];
      /** Its place, for messages. */
      readonly where: string;
    };

/** Fields that hold a conversation, its messages `{ role, content }` or ShareGPT's `{ from, value }`. */
const chatFields = ['messages', 'conversations', 'conversation', 'chat'];
/** Fields that hold plain text. */
const textFields = ['text', 'content', 'document'];
/** Fields that hold a question and its answer. */
const questionFields = ['instruction', 'prompt', 'question'];
const answerFields = ['output', 'completion', 'response', 'answer'];

const known = [...chatFields, ...textFields, ...questionFields];

/** Roles by their names in ShareGPT's files. */
const roles: Readonly<Record<string, string>> = {
  human: 'user',
  gpt: 'assistant',
  bot: 'assistant',
  model: 'assistant',
};

/** The first of these columns that a table has, with what belongs to it; undefined when it has none. */
export function usedFields(columns: readonly string[]): string[] | undefined {
  const chat = chatFields.find((name) => columns.includes(name));
  if (chat !== undefined) return columns.includes('tools') ? [chat, 'tools'] : [chat];
  const question = questionFields.find((name) => columns.includes(name));
  const answer = answerFields.find((name) => columns.includes(name));
  if (question !== undefined && answer !== undefined) {
    return [question, answer, ...['input', 'system'].filter((name) => columns.includes(name))];
  }
  const text = textFields.find((name) => columns.includes(name));
  return text === undefined ? undefined : [text];
}

/**
 * The text or conversation in a record of a .jsonl, .json or .parquet file.
 * @param where the record's place, for messages
 * @throws FormatError when it holds neither
 */
export function documentOf(record: unknown, where: string): Document {
  if (typeof record === 'string') return { text: record };
  if (typeof record !== 'object' || record === null)
    throw new FormatError(`${where}: found ${shown(record)}, ${expected}`);
  if (Array.isArray(record)) return { messages: record.map((message) => messageOf(message, where)), where };
  const fields = record as Readonly<Record<string, unknown>>;
  const used = usedFields(Object.keys(fields).filter((name) => fields[name] !== null && fields[name] !== undefined));
  if (used === undefined) throw noTextField(Object.keys(fields), where);
  const value = fields[used[0]];
  if (chatFields.includes(used[0])) {
    if (!Array.isArray(value))
      throw new FormatError(`${where}: found ${shown(value)} in ${used[0]}, expected a list of messages`);
    const messages = value.map((message) => messageOf(message, where));
    return Array.isArray(fields.tools) ? { messages, tools: fields.tools, where } : { messages, where };
  }
  const content = textOf(value, where);
  if (textFields.includes(used[0])) return { text: content };
  const more = typeof fields.input === 'string' && fields.input !== '' ? `\n\n${fields.input}` : '';
  const system = typeof fields.system === 'string' ? [{ role: 'system', content: fields.system }] : [];
  const answer = { role: 'assistant', content: textOf(fields[used[1]], where) };
  return { messages: [...system, { role: 'user', content: content + more }, answer], where };
}

/** What is said of records without a text. */
export function noTextField(names: readonly string[], where: string): FormatError {
  return new FormatError(`${where}: found the fields ${names.join(', ') || 'of nothing'}, ${expected}`);
}

const expected = `expected one of ${known.join(', ')}; rename the field that holds the text`;

function messageOf(message: unknown, where: string): ChatMessage {
  const fields = (typeof message === 'object' && message !== null ? message : {}) as Readonly<Record<string, unknown>>;
  const role = fields.role ?? fields.from;
  if (typeof role !== 'string') {
    throw new FormatError(`${where}: found the message ${shown(message)}, expected a role and its content`);
  }
  const { from: _, value: __, ...more } = fields;
  return { ...more, role: roles[role] ?? role, content: textOf(fields.content ?? fields.value ?? '', where) };
}

/** Text, or the text parts of a message with images. */
function textOf(value: unknown, where: string): string {
  if (typeof value === 'string') return value;
  if (!Array.isArray(value)) throw new FormatError(`${where}: found ${shown(value)}, expected text`);
  return value.map((part) => String((part as { text?: unknown } | null)?.text ?? '')).join('');
}

const shown = (value: unknown): string => {
  const text = JSON.stringify(value, (_, inner) => (typeof inner === 'bigint' ? Number(inner) : inner)) ?? 'nothing';
  return text.length > 60 ? `${text.slice(0, 60)}…` : text;
};
