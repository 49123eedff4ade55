import { FormatError } from '../core/errors.ts';

/** The parts of tokenizer.json that are read here. @see huggingface/tokenizers, tokenizers/src/tokenizer/serialization.rs */
export interface TokenizerJson {
  /** The model's type. */
  readonly kind: (typeof kinds)[number];
  readonly addedTokens: readonly AddedToken[];
  readonly normalizer: Component | null;
  readonly preTokenizer: Component | null;
  readonly postProcessor: Component | null;
  readonly vocab: Readonly<Record<string, number>>;
  readonly merges: readonly (readonly [string, string])[];
  readonly ignoreMerges: boolean;
  readonly byteFallback: boolean;
  readonly unknownToken?: string;
  /** Id of the unknown token of a Unigram model. */
  readonly unknownId?: number;
  /** Log probabilities of a Unigram model, by id. */
  readonly scores: readonly number[];
  /** What pieces inside of words start with in a WordPiece vocabulary. */
  readonly innerPrefix: string;
}

export interface AddedToken {
  readonly id: number;
  readonly content: string;
  readonly special: boolean;
  /** Whether it takes the white space before, or behind it. */
  readonly lstrip?: boolean;
  readonly rstrip?: boolean;
}

/** A normalizer, pre-tokenizer or post-processor: `type` and its own fields. */
export interface Component {
  readonly type: string;
  readonly [field: string]: unknown;
}

const kinds = ['BPE', 'Unigram', 'WordPiece'] as const;

/** Checks a parsed tokenizer.json. @throws FormatError when its model is of another type, or it is ill-formed */
export function readTokenizerJson(json: unknown): TokenizerJson {
  const root = record(json, 'tokenizer.json');
  const model = record(root.model, 'tokenizer.json model');
  // Before 2021 the library wrote no type, and BPE alone was common.
  const kind = kinds.find((name) => name === (model.type ?? 'BPE'));
  if (kind === undefined) {
    throw new FormatError(
      `tokenizer.json: found a ${String(model.type)} model, expected ${kinds.join(', ')}; other tokenizers are not supported`,
    );
  }
  const { vocab, scores } = kind === 'Unigram' ? readPieces(model.vocab) : { vocab: readIds(model.vocab), scores: [] };
  const added = Array.isArray(root.added_tokens) ? root.added_tokens : [];
  return {
    kind,
    addedTokens: added.map((entry: unknown) => {
      const { id, content, special, lstrip, rstrip } = record(entry, 'tokenizer.json added_tokens');
      const text = String(content);
      const strips = { lstrip: lstrip === true, rstrip: rstrip === true };
      return { id: checkId(id, text), content: text, special: special === true, ...strips };
    }),
    normalizer: component(root.normalizer),
    preTokenizer: component(root.pre_tokenizer),
    postProcessor: component(root.post_processor),
    vocab,
    scores,
    merges: kind === 'BPE' ? readMerges(model.merges) : [],
    ignoreMerges: model.ignore_merges === true,
    byteFallback: model.byte_fallback === true,
    unknownToken: typeof model.unk_token === 'string' ? model.unk_token : undefined,
    unknownId: typeof model.unk_id === 'number' ? model.unk_id : undefined,
    innerPrefix: typeof model.continuing_subword_prefix === 'string' ? model.continuing_subword_prefix : '##',
  };
}

/** Ids by token. */
function readIds(value: unknown): Readonly<Record<string, number>> {
  const vocab = record(value, 'tokenizer.json model.vocab');
  for (const [token, id] of Object.entries(vocab)) checkId(id, token);
  return vocab as Readonly<Record<string, number>>;
}

/** Pieces of a Unigram model with their log probabilities, in the order of their ids. */
function readPieces(value: unknown): { vocab: Readonly<Record<string, number>>; scores: number[] } {
  if (!Array.isArray(value))
    throw new FormatError('tokenizer.json model.vocab: expected an array of pieces and scores');
  const vocab: Record<string, number> = Object.create(null);
  const scores = value.map((entry: unknown, id): number => {
    const [piece, score] = Array.isArray(entry) ? entry : [];
    if (typeof piece !== 'string' || typeof score !== 'number') {
      throw new FormatError(`tokenizer.json piece ${id}: found ${JSON.stringify(entry)}, expected a text and a score`);
    }
    vocab[piece] = id;
    return score;
  });
  return { vocab, scores };
}

/** The list in a `Sequence`'s field, or the component itself as the only member; none for null. */
export function members(part: Component | null, field: string): readonly Component[] {
  if (part === null) return [];
  const list = part[field];
  return part.type === 'Sequence' && Array.isArray(list)
    ? list.flatMap((item) => members(component(item), field))
    : [part];
}

export function record(value: unknown, what: string): Record<string, unknown> {
  if (typeof value !== 'object' || value === null || Array.isArray(value)) {
    throw new FormatError(
      `${what}: found ${value === null ? 'null' : Array.isArray(value) ? 'an array' : typeof value}, expected an object`,
    );
  }
  return value as Record<string, unknown>;
}

function component(value: unknown): Component | null {
  if (value === null || value === undefined) return null;
  const fields = record(value, 'tokenizer.json component');
  return { ...fields, type: String(fields.type) };
}

function checkId(id: unknown, token: string): number {
  if (typeof id === 'number' && Number.isInteger(id) && id >= 0) return id;
  throw new FormatError(
    `tokenizer.json token ${JSON.stringify(token)}: found id ${String(id)}, expected an integer from 0`,
  );
}

/** Merges as pairs, from `"a b"` (before tokenizers 0.20) or `["a", "b"]`. */
function readMerges(merges: unknown): [string, string][] {
  if (!Array.isArray(merges)) throw new FormatError('tokenizer.json model.merges: expected an array');
  return merges.map((merge: unknown, i): [string, string] => {
    const pair = typeof merge === 'string' ? merge.split(' ') : merge;
    if (Array.isArray(pair) && pair.length === 2 && typeof pair[0] === 'string' && typeof pair[1] === 'string') {
      return [pair[0], pair[1]];
    }
    throw new FormatError(`tokenizer.json merge ${i}: found ${JSON.stringify(merge)}, expected two tokens`);
  });
}
