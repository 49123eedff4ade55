import { FormatError } from '../core/errors.ts';
import type { HfTokens } from './hf-config.ts';
import { tokenText } from './hf-config.ts';
import type { AddedToken, TokenizerJson } from './tokenizer-json.ts';
import { members, record } from './tokenizer-json.ts';
import type { SpecialName } from './vocabulary.ts';
import { type Strip, specialNames, TokenType } from './vocabulary.ts';

/** Tokens of a tokenizer.json with all that the folder's files add. */
export interface HfVocabularyParts {
  /** Text by id. */
  readonly tokens: string[];
  /** TokenType by id. */
  readonly types: Uint8Array;
  readonly special: Partial<Record<SpecialName, number>>;
  readonly strips: ReadonlyMap<number, Strip>;
}

/**
 * Texts, kinds and special ids of a tokenizer.json's tokens, normal ones where nothing else is said.
 * @throws FormatError when ids leave gaps that no tokenizer has
 */
export function vocabularyParts(json: TokenizerJson, hf: HfTokens): HfVocabularyParts {
  // Tokens that only the configuration adds: transformers adds them too.
  const known = new Set(json.addedTokens.map((token) => token.id));
  const added = [...json.addedTokens, ...hf.added.filter((token) => !known.has(token.id))];
  const named = [...Object.entries(json.vocab), ...namedIds(added)];
  const tokens = tokensById(named);
  const types = new Uint8Array(tokens.length).fill(TokenType.unused);
  for (const [, id] of named) types[id] = TokenType.normal;
  for (const token of added) addToken(token, tokens, types);
  return { tokens, types, special: specialIds(new Map(named), hf), strips: stripsOf(added) };
}

export const namedIds = (added: readonly AddedToken[]): [string, number][] =>
  added.map(({ content, id }) => [content, id]);

export const declared = (flag: unknown): boolean | undefined => (typeof flag === 'boolean' ? flag : undefined);

/** Puts an added token into tokens and types. */
export function addToken({ id, content, special }: AddedToken, tokens: string[], types: Uint8Array): void {
  const control = special || looksSpecial(content);
  types[id] = control ? TokenType.control : TokenType.userDefined;
  // llama.cpp finds user-defined tokens in text before anything escapes its spaces.
  tokens[id] = control ? content : content.replaceAll('▁', ' ');
}

/** Which added tokens take white space beside them. */
export function stripsOf(added: readonly AddedToken[]): Map<number, Strip> {
  const taking = added.filter(({ lstrip, rstrip }) => lstrip === true || rstrip === true);
  return new Map(taking.map(({ id, lstrip, rstrip }) => [id, { left: lstrip === true, right: rstrip === true }]));
}

/** Gaps between ids that are filled; more would let a small damaged file claim any amount of memory. */
const gapLimit = 100_000;

/** Texts by id, gaps filled as llama.cpp's converter does. */
export function tokensById(named: readonly (readonly [string, number])[]): string[] {
  const size = named.reduce((largest, [, id]) => Math.max(largest, id + 1), 0);
  if (size > named.length + gapLimit) {
    throw new FormatError(
      `tokenizer.json: found ids up to ${size - 1} for ${named.length} tokens, expected few gaps; the file is damaged`,
    );
  }
  const tokens = Array.from({ length: size }, (_, id) => `[PAD${id}]`);
  for (const [text, id] of named) tokens[id] = text;
  return tokens;
}

/** Added tokens that some models forget to mark as special. @see llama.cpp conversion/base.py */
function looksSpecial(token: string): boolean {
  const bracketed = (open: string, close: string): boolean => token.startsWith(open) && token.endsWith(close);
  return (
    ['<pad>', '<mask>', '<2mass>', '[@BOS@]'].includes(token) ||
    bracketed('<|', '|>') ||
    bracketed('<｜', '｜>') ||
    bracketed('<unused', '>')
  );
}

/** Ids by tokenizer_config.json's names, else by the model's config.json, else the first that ends generation. */
export function specialIds(ids: ReadonlyMap<string, number>, hf: HfTokens): Partial<Record<SpecialName, number>> {
  const special: Partial<Record<SpecialName, number>> = {};
  for (const name of specialNames) {
    const text = tokenText(hf.config[`${name}_token`]);
    const id = (text === undefined ? undefined : ids.get(text)) ?? hf.ids[name];
    if (id !== undefined) special[name] = id;
  }
  if (special.eos === undefined && hf.ends.length > 0) special.eos = hf.ends[0];
  return special;
}

/** Whether a sentence mark is added: by the configuration, else by the post-processor's template, else `fallback`. */
export function adds(
  json: TokenizerJson,
  config: Readonly<Record<string, unknown>>,
  name: 'bos' | 'eos',
  id: number | undefined,
  fallback: boolean,
): boolean {
  const flag = declared(config[`add_${name}_token`]);
  if (flag !== undefined) return flag;
  const template = members(json.postProcessor, 'processors').find((part) => part.type === 'TemplateProcessing');
  const single = template?.single;
  if (!Array.isArray(single) || single.length < 2) return fallback;
  const end = record(single.at(name === 'bos' ? 0 : -1), 'tokenizer.json TemplateProcessing').SpecialToken;
  if (end === undefined) return fallback;
  const text = record(end, 'tokenizer.json TemplateProcessing').id;
  return json.addedTokens.some((token) => token.content === text && token.id === id);
}
