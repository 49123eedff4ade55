import { readFileSync } from 'node:fs';
import { gunzipSync } from 'node:zlib';
import type { Tokenizer } from '../../src/text/types.ts';

/** Titles and the articles that they belong to, as token ids. */
export interface TitlesTask {
  readonly titles: readonly Int32Array[];
  readonly articles: readonly Int32Array[];
}

/** Characters that an article has more than. */
const LEAST = 300;

/**
 * Titles of an encyclopedia as queries for their articles, which have lost the heading and every word of the title: with them all
 * is found.
 * @param path WikiExtractor's text, gzipped
 * @param count first articles
 * @param length tokens of an article at most, with what frames it
 */
export function readTitles(path: string, tokenizer: Tokenizer, count: number, length: number): TitlesTask {
  const text = gunzipSync(readFileSync(path)).toString();
  const titles: Int32Array[] = [];
  const articles: Int32Array[] = [];
  for (const [, title, body] of text.matchAll(/<doc [^>]*title="([^"]*)">\n(.*?)\n<\/doc>/gs)) {
    const plain = withoutTitle(title, body);
    if (plain.length <= LEAST) continue;
    titles.push(tokenizer.encode(title, { special: true }));
    articles.push(cut(tokenizer.encode(plain, { special: true }), length));
    if (titles.length === count) break;
  }
  return { titles, articles };
}

function withoutTitle(title: string, body: string): string {
  const [, ...lines] = body.split('\n');
  const words = new Set(title.toLowerCase().match(/[\p{L}\p{N}]+/gu) ?? []);
  return lines
    .join(' ')
    .trim()
    .replace(/[\p{L}\p{N}]+/gu, (word) => (words.has(word.toLowerCase()) ? '' : word));
}

/** The first tokens, and what ends a text. */
function cut(ids: Int32Array, length: number): Int32Array {
  if (ids.length <= length) return ids;
  const first = ids.slice(0, length);
  first[length - 1] = ids[ids.length - 1];
  return first;
}
