import { BitbudgetError } from '../core/errors.ts';
import { encodeChat } from './chat.ts';
import type { Document } from './records.ts';
import type { Tokenizer } from './types.ts';

/** Texts and conversations of the files that a user named, in order. */
export interface Corpus {
  readonly documents: readonly Document[];
}

/** The beginning of a corpus: documents, the last text cut, until they are so many characters long. */
export function firstCharacters({ documents }: Corpus, count: number): Corpus {
  const first: Document[] = [];
  let left = count;
  for (const document of documents) {
    if (left <= 0) break;
    first.push('text' in document ? { text: document.text.slice(0, left) } : document);
    left -= 'text' in document ? document.text.length : document.messages.reduce((n, m) => n + m.content.length, 0);
  }
  return { documents: first };
}

/** Conversations that are rendered at most; of more, as many evenly spaced ones. */
const mostConversations = 4096;

/**
 * Tokens of a whole corpus: plain texts joined, conversations through the model's template.
 * @param options.special adds what stands before text and behind it as the model wants
 * @throws BitbudgetError when there are conversations and the model has no chat template
 */
export function encodeCorpus(
  tokenizer: Tokenizer,
  { documents }: Corpus,
  options: { readonly special?: boolean } = {},
): Int32Array {
  const parts: Int32Array[] = [];
  let text: string[] = [];
  const flush = (): void => {
    if (text.length > 0)
      parts.push(tokenizer.encode(text.join(''), { special: options.special && parts.length === 0 }));
    text = [];
  };
  for (const document of thinned(documents)) {
    if ('text' in document) text.push(document.text);
    else {
      flush();
      parts.push(encodeConversation(tokenizer, document));
    }
  }
  flush();
  const ids = new Int32Array(parts.reduce((sum, part) => sum + part.length, 0));
  let offset = 0;
  for (const part of parts) {
    ids.set(part, offset);
    offset += part.length;
  }
  return ids;
}

function encodeConversation(
  tokenizer: Tokenizer,
  { messages, tools, where }: Extract<Document, { where: string }>,
): Int32Array {
  const options = { addGenerationPrompt: false, ...(tools && { variables: { tools } }) };
  try {
    return Int32Array.from(encodeChat(tokenizer, messages, options));
  } catch (error) {
    if (error instanceof BitbudgetError) throw new BitbudgetError(`${where}: ${error.message}`, { cause: error });
    throw error;
  }
}

function thinned(documents: readonly Document[]): readonly Document[] {
  const chats = documents.filter((document) => 'messages' in document);
  if (chats.length <= mostConversations) return documents;
  const kept = new Set(
    Array.from({ length: mostConversations }, (_, i) => chats[Math.floor((i * chats.length) / mostConversations)]),
  );
  return documents.filter((document) => 'text' in document || kept.has(document));
}

/** Tokens in a run that is looked for in another text: long enough that a match is no accident of the language. */
const runLength = 16;
/** Runs that are remembered at most. */
const mostRuns = 400_000;

/**
 * The share of a text's runs of 16 tokens that stand in another text too, 0 to 1. Of long texts the same runs of both
 * are compared, chosen by their hash.
 */
export function sharedRuns(tokens: Int32Array, others: Int32Array): number {
  const every = Math.max(1, Math.ceil(others.length / mostRuns));
  const known = new Set<number>();
  for (const hash of runHashes(others)) if (hash % every === 0) known.add(hash);
  let [seen, found] = [0, 0];
  for (const hash of runHashes(tokens)) {
    if (hash % every !== 0) continue;
    seen++;
    if (known.has(hash)) found++;
  }
  return seen === 0 ? 0 : found / seen;
}

/** A 32-bit hash of every run, FNV-1a over its tokens. */
function* runHashes(tokens: Int32Array): Generator<number> {
  for (let start = 0; start + runLength <= tokens.length; start++) {
    let hash = 0x811c9dc5;
    for (let i = start; i < start + runLength; i++) hash = Math.imul(hash ^ tokens[i], 0x01000193);
    // The low bits of FNV depend on the low bits of its input alone.
    yield (hash ^ (hash >>> 15)) >>> 0;
  }
}
