import { FormatError } from '../core/errors.ts';
import type { WorkOptions } from '../core/progress.ts';
import type { Kernels } from '../kernels/contract.ts';
import type { Model } from '../model/types.ts';
import { createEncoder } from '../run/encoder.ts';
import { frameOf } from '../text/frame.ts';
import type { Tokenizer } from '../text/types.ts';
import type { Recall } from './types.ts';
import { type PairVectors, recallOf } from './vectors.ts';

/** A query and the text that it belongs to, as token ids with what the model wants around them. */
export interface Pair {
  readonly query: Int32Array;
  readonly text: Int32Array;
}

/** Share of a window that is the query of its rest, where a text alone is given. */
const QUERY_SHARE = 1 / 4;

/**
 * Pairs out of a text by itself: of every window the first quarter asks for the rest.
 * @param tokens whole windows of `length`, without what stands around texts
 */
export function pairsOfText(tokenizer: Tokenizer, tokens: Int32Array, length: number): Pair[] {
  const { before, behind } = frameOf(tokenizer);
  const framed = (start: number, end: number): Int32Array =>
    Int32Array.from([...before, ...tokens.subarray(start, end), ...behind]);
  // What stands around both parts must fit the context with them.
  const room = before.length + behind.length;
  return Array.from({ length: Math.floor(tokens.length / length) }, (_, window) => {
    const [start, end] = [window * length, (window + 1) * length - room];
    const middle = start + Math.max(1, Math.floor((end - start) * QUERY_SHARE));
    return { query: framed(start, middle), text: framed(middle, end) };
  });
}

/**
 * Pairs of a file: a line each, `{"query": …, "text": …}` or two columns with a tab between them.
 * @param most tokens of a text; longer ones are cut
 * @throws FormatError that names the line
 */
export function readPairs(tokenizer: Tokenizer, file: string, subject: string, most: number): Pair[] {
  const encode = (text: string): Int32Array => {
    const ids = tokenizer.encode(text, { special: true });
    if (ids.length <= most) return ids;
    const { behind } = frameOf(tokenizer);
    return Int32Array.from([...ids.subarray(0, most - behind.length), ...behind]);
  };
  const lines = file.split(/\r?\n/).map((line, i) => ({ line, where: `${subject}, line ${i + 1}` }));
  const pairs = lines
    .filter(({ line }) => line.trim() !== '')
    .map(({ line, where }) => {
      const [query, text] = line.trimStart().startsWith('{') ? fieldsOf(line, where) : line.split('\t');
      if (typeof query !== 'string' || typeof text !== 'string' || query === '' || text === '')
        throw new FormatError(`${where}: expected {"query": …, "text": …}, or two columns with a tab between them`);
      return { query: encode(query), text: encode(text) };
    });
  if (pairs.length < 2) throw new FormatError(`${subject}: ${pairs.length} pairs, expected two or more`);
  return pairs;
}

function fieldsOf(line: string, where: string): unknown[] {
  try {
    const { query, text } = JSON.parse(line);
    return [query, text];
  } catch (error) {
    throw new FormatError(`${where}: is no JSON`, { cause: error });
  }
}

/** How often the nearest text is a query's own, in float32, of a model and its reference. */
export async function measureRecall(
  kernels: Kernels,
  reference: Model,
  model: Model,
  pairs: readonly Pair[],
  options: WorkOptions = {},
): Promise<Recall> {
  const vectors = async (of: Model): Promise<PairVectors> => {
    const encoder = await createEncoder(kernels.device, of, { exact: true });
    try {
      return {
        queries: await encoder.encode(
          pairs.map(({ query }) => query),
          options,
        ),
        texts: await encoder.encode(
          pairs.map(({ text }) => text),
          options,
        ),
      };
    } finally {
      encoder.close();
    }
  };
  return recallOf(await vectors(model), await vectors(reference), pairs.length);
}
