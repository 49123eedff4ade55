import { FormatError } from '../core/errors.ts';
import { BpeEncoding } from './bpe.ts';
import type { HfTokenFiles, HfTokens } from './hf-config.ts';
import { readHfTokens, tokenText } from './hf-config.ts';
import { hfToGguf } from './hf-to-gguf.ts';
import type { PreTokenizer } from './pre-tokenizers.ts';
import { gpt2Split, preTokenizerBySplits } from './pre-tokenizers.ts';
import { readSentencePiece, type SentencePieceModel } from './sentencepiece.ts';
import { tokenizerJsonOfMerges } from './slow-files.ts';
import { SpmEncoding } from './spm.ts';
import type { AddedToken, Component, TokenizerJson } from './tokenizer-json.ts';
import { members, readTokenizerJson, record } from './tokenizer-json.ts';
import type { Tokenizer } from './types.ts';
import type { SpecialName, Vocabulary } from './vocabulary.ts';
import { specialNames, TokenType } from './vocabulary.ts';
import { VocabularyTokenizer } from './vocabulary-tokenizer.ts';

/** Parsed files of a Hugging Face folder: one kind of vocabulary, and what tells about its tokens. */
export interface HfTokenizerFiles extends HfTokenFiles {
  /** tokenizer.json; counts before the other vocabularies. */
  readonly tokenizer?: object;
  /** tokenizer.model, SentencePiece's own file. */
  readonly sentencePiece?: Uint8Array;
  /** vocab.json and the text of merges.txt. */
  readonly merges?: { readonly vocab: object; readonly merges: string };
}

/**
 * The tokenizer of a Hugging Face folder: byte-level BPE, or SentencePiece-like BPE with byte fallback (Llama 2,
 * Mistral, Gemma). A normalizer of a byte-level tokenizer (Qwen's NFC) is applied; llama.cpp has none, so ids agree
 * with it on normalized text.
 * @throws FormatError when there is no vocabulary, or one that is of another kind or ill-formed
 */
export function tokenizerFromHf(files: HfTokenizerFiles): Tokenizer {
  const tokens = readHfTokens(files);
  if (files.tokenizer !== undefined) return tokenizerFromJson(readTokenizerJson(files.tokenizer), tokens);
  if (files.sentencePiece !== undefined) return tokenizerFromPieces(readSentencePiece(files.sentencePiece), tokens);
  if (files.merges !== undefined) {
    const { vocab, merges } = files.merges;
    return tokenizerFromJson(readTokenizerJson(tokenizerJsonOfMerges(vocab, merges, tokens)), tokens);
  }
  throw new FormatError(
    'tokenizer: found none of tokenizer.json, tokenizer.model, vocab.json with merges.txt; fetch them from where the model came from',
  );
}

function tokenizerFromJson(json: TokenizerJson, tokens: HfTokens): Tokenizer {
  const spm =
    json.byteFallback && members(json.preTokenizer, 'pretokenizers').every((part) => part.type !== 'ByteLevel');
  const vocabulary = vocabularyOfJson(json, spm, tokens);
  if (spm) {
    const scores = scoresOfMerges(json, vocabulary);
    return new VocabularyTokenizer(
      vocabulary,
      new SpmEncoding(vocabulary, scores),
      hfToGguf({ vocabulary, tokens, scores }),
    );
  }
  const splits = splitsOf(json.preTokenizer);
  const pre = splits && preTokenizerBySplits(splits, json.ignoreMerges);
  const encoding = byteLevelEncoding(json, splits, pre);
  return new VocabularyTokenizer(
    vocabulary,
    encoding,
    hfToGguf({ vocabulary, tokens, pre: pre?.names[0], merges: json.merges }),
  );
}

/** @see llama.cpp conversion/base.py, `_create_vocab_sentencepiece`, for added tokens' scores */
function tokenizerFromPieces(model: SentencePieceModel, hf: HfTokens): Tokenizer {
  if (model.algorithm !== 'bpe') {
    throw new FormatError('tokenizer.model: found a unigram model, expected BPE; such tokenizers are not supported');
  }
  const tokens = tokensById([...model.tokens.map((text, id): [string, number] => [text, id]), ...namedIds(hf.added)]);
  const types = new Uint8Array(tokens.length).fill(TokenType.unused);
  types.set(model.types);
  const scores = new Float32Array(tokens.length).fill(-10000);
  scores.set(model.scores);
  for (const token of hf.added) {
    addToken(token, tokens, types);
    scores[token.id] = -1000;
  }
  const special = specialIds(new Map(tokens.map((text, id) => [text, id])), hf);
  const vocabulary: Vocabulary = {
    model: 'llama',
    tokens,
    types,
    special,
    ends: hf.ends,
    addBos: declared(hf.config.add_bos_token) ?? true,
    addEos: declared(hf.config.add_eos_token) ?? false,
    addSpacePrefix: declared(hf.config.add_prefix_space) ?? model.addSpacePrefix,
    chatTemplate: hf.chatTemplate,
  };
  return new VocabularyTokenizer(
    vocabulary,
    new SpmEncoding(vocabulary, scores),
    hfToGguf({ vocabulary, tokens: hf, scores }),
  );
}

function byteLevelEncoding(
  json: TokenizerJson,
  splits: string[] | undefined,
  pre: PreTokenizer | undefined,
): BpeEncoding {
  return new BpeEncoding({
    normalizer: json.normalizer,
    words: splits ?? json.preTokenizer,
    vocab: json.vocab,
    merges: json.merges,
    ignoreMerges: json.ignoreMerges,
    unknownToken: json.unknownToken,
    cuttable: pre !== undefined,
  });
}

/**
 * A pre-tokenizer as a list of splitting expressions before the byte alphabet, or undefined when it is no such list.
 * Digits are Unicode's numbers, as in the Rust library (the JavaScript library's own Digits are ASCII only).
 */
function splitsOf(preTokenizer: Component | null): string[] | undefined {
  const splits: string[] = [];
  let byteLevel = false;
  for (const part of members(preTokenizer, 'pretokenizers')) {
    const regex = (part.pattern as { Regex?: unknown } | undefined)?.Regex;
    // Taking only what matches, `Removed` inverted, is the same where the expression matches everything.
    const behavior = part.behavior === 'Isolated' || (part.behavior === 'Removed' && part.invert === true);
    if (part.type === 'Split' && typeof regex === 'string' && behavior) splits.push(regex);
    else if (part.type === 'Digits') splits.push(part.individual_digits === true ? '\\p{N}' : '\\p{N}+');
    else if (part.type === 'Punctuation' && part.behavior === 'Contiguous') splits.push('[\\p{P}\\$\\+<=>\\^~\\|`]+');
    else if (part.type === 'ByteLevel' && part.add_prefix_space !== true) {
      byteLevel = true;
      if (part.use_regex !== false) splits.push(gpt2Split);
    } else return undefined;
  }
  return byteLevel ? splits : undefined;
}

function vocabularyOfJson(json: TokenizerJson, spm: boolean, hf: HfTokens): Vocabulary {
  // Tokens that only the configuration adds: transformers adds them too.
  const known = new Set(json.addedTokens.map((token) => token.id));
  const added = [...json.addedTokens, ...hf.added.filter((token) => !known.has(token.id))];
  const named = [...Object.entries(json.vocab), ...namedIds(added)];
  const tokens = tokensById(named);
  const types = new Uint8Array(tokens.length).fill(TokenType.unused);
  for (const [text, id] of named) types[id] = spm && /^<0x[0-9A-F]{2}>$/.test(text) ? TokenType.byte : TokenType.normal;
  for (const token of added) addToken(token, tokens, types);
  const special = specialIds(new Map(named), hf);
  return {
    model: spm ? 'llama' : 'gpt2',
    tokens,
    types,
    special,
    ends: hf.ends,
    addBos: adds(json, hf.config, 'bos', special.bos, spm),
    addEos: adds(json, hf.config, 'eos', special.eos, false),
    addSpacePrefix: spm && (declared(hf.config.add_prefix_space) ?? prependsSpace(json)),
    chatTemplate: hf.chatTemplate,
  };
}

const namedIds = (added: readonly AddedToken[]): [string, number][] => added.map(({ content, id }) => [content, id]);

const declared = (flag: unknown): boolean | undefined => (typeof flag === 'boolean' ? flag : undefined);

/** Puts an added token into tokens and types. */
function addToken({ id, content, special }: AddedToken, tokens: string[], types: Uint8Array): void {
  const control = special || looksSpecial(content);
  types[id] = control ? TokenType.control : TokenType.userDefined;
  // llama.cpp finds user-defined tokens in text before anything escapes its spaces.
  tokens[id] = control ? content : content.replaceAll('▁', ' ');
}

/** Gaps between ids that are filled; more would let a small damaged file claim any amount of memory. */
const gapLimit = 100_000;

/** Texts by id, gaps filled as llama.cpp's converter does. */
function tokensById(named: readonly (readonly [string, number])[]): string[] {
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
function specialIds(ids: ReadonlyMap<string, number>, hf: HfTokens): Partial<Record<SpecialName, number>> {
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
function adds(
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

function prependsSpace(json: TokenizerJson): boolean {
  const prepend = members(json.normalizer, 'normalizers').some((part) => part.type === 'Prepend');
  const metaspace = members(json.preTokenizer, 'pretokenizers').find((part) => part.type === 'Metaspace');
  const scheme = metaspace?.prepend_scheme ?? (metaspace?.add_prefix_space === false ? 'never' : 'always');
  return prepend || (metaspace !== undefined && scheme !== 'never');
}

/**
 * SentencePiece scores from the order of merges: pieces were learnt in that order, so the n-th distinct result has
 * score −n, which is what Llama 2's own model file holds. Tokens that no merge makes get the lowest.
 */
function scoresOfMerges(json: TokenizerJson, vocabulary: Vocabulary): Float32Array {
  const order = new Map<string, number>();
  for (const [left, right] of json.merges) {
    const piece = left + right;
    if (!order.has(piece)) order.set(piece, order.size);
  }
  if (order.size === 0)
    throw new FormatError('tokenizer.json model.merges: found none, expected the merges of a BPE model');
  return Float32Array.from(vocabulary.tokens, (token) => -(order.get(token) ?? order.size));
}
