import { FormatError } from '../core/errors.ts';
import { BpeEncoding } from './bpe.ts';
import { hfToGguf } from './hf-to-gguf.ts';
import type { PreTokenizer } from './pre-tokenizers.ts';
import { gpt2Split, preTokenizerBySplits } from './pre-tokenizers.ts';
import { SpmEncoding } from './spm.ts';
import type { Component, TokenizerJson } from './tokenizer-json.ts';
import { members, readTokenizerJson, record } from './tokenizer-json.ts';
import type { Tokenizer } from './types.ts';
import type { SpecialName, Vocabulary } from './vocabulary.ts';
import { specialNames, TokenType } from './vocabulary.ts';
import { VocabularyTokenizer } from './vocabulary-tokenizer.ts';

/** Parsed files of a Hugging Face folder. */
export interface HfTokenizerFiles {
  /** tokenizer.json */
  readonly tokenizer: object;
  /** tokenizer_config.json: special tokens, chat template. */
  readonly config?: object;
  /** chat_template.jinja, used where the configuration has no template. */
  readonly chatTemplate?: string;
  /** config.json of the model: ids of special tokens that tokenizer_config.json does not name. */
  readonly model?: object;
}

/**
 * The tokenizer of a Hugging Face folder: byte-level BPE, or SentencePiece-like BPE with byte fallback (Llama 2,
 * Mistral). A normalizer of a byte-level tokenizer (Qwen's NFC) is applied; llama.cpp has none, so ids agree with it
 * on normalized text.
 * @throws FormatError when tokenizer.json is no BPE tokenizer or ill-formed
 */
export function tokenizerFromHf(files: HfTokenizerFiles): Tokenizer {
  const json = readTokenizerJson(files.tokenizer);
  const config = files.config === undefined ? {} : record(files.config, 'tokenizer_config.json');
  const model = files.model === undefined ? {} : record(files.model, 'config.json');
  const spm =
    json.byteFallback && members(json.preTokenizer, 'pretokenizers').every((part) => part.type !== 'ByteLevel');
  const vocabulary = buildVocabulary(json, spm, config, model, files.chatTemplate);
  if (spm) {
    const scores = scoresOfMerges(json, vocabulary);
    return new VocabularyTokenizer(
      vocabulary,
      new SpmEncoding(vocabulary, scores),
      hfToGguf({ vocabulary, config, scores }),
    );
  }
  const splits = splitsOf(json.preTokenizer);
  const pre = splits && preTokenizerBySplits(splits, json.ignoreMerges);
  const encoding = byteLevelEncoding(json, splits, pre);
  return new VocabularyTokenizer(
    vocabulary,
    encoding,
    hfToGguf({ vocabulary, config, pre: pre?.names[0], merges: json.merges }),
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

function buildVocabulary(
  json: TokenizerJson,
  spm: boolean,
  config: Record<string, unknown>,
  model: Record<string, unknown>,
  chatTemplate: string | undefined,
): Vocabulary {
  const named = [
    ...Object.entries(json.vocab),
    ...json.addedTokens.map((token): [string, number] => [token.content, token.id]),
  ];
  const tokens = tokensById(named);
  const ids = new Map(named);
  const types = new Uint8Array(tokens.length).fill(TokenType.unused);
  for (const [text, id] of named) types[id] = spm && /^<0x[0-9A-F]{2}>$/.test(text) ? TokenType.byte : TokenType.normal;
  for (const { id, content, special } of json.addedTokens) {
    const control = special || looksSpecial(content);
    types[id] = control ? TokenType.control : TokenType.userDefined;
    // llama.cpp finds these in text before anything escapes its spaces.
    if (!control) tokens[id] = content.replaceAll('▁', ' ');
  }
  const special = specialIds(json, config, model, ids);
  return {
    model: spm ? 'llama' : 'gpt2',
    tokens,
    types,
    special,
    addBos: adds(json, config, 'bos', special.bos, spm),
    addEos: adds(json, config, 'eos', special.eos, false),
    addSpacePrefix:
      spm && (typeof config.add_prefix_space === 'boolean' ? config.add_prefix_space : prependsSpace(json)),
    chatTemplate: templateOf(config) ?? chatTemplate,
  };
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

/** Ids by tokenizer_config.json's names, else by the model's config.json. */
function specialIds(
  json: TokenizerJson,
  config: Record<string, unknown>,
  model: Record<string, unknown>,
  ids: ReadonlyMap<string, number>,
): Partial<Record<SpecialName, number>> {
  const special: Partial<Record<SpecialName, number>> = {};
  const added = new Map(json.addedTokens.map((token) => [token.content, token.id]));
  for (const name of specialNames) {
    const entry = config[`${name}_token`];
    const content = typeof entry === 'object' && entry !== null ? (entry as { content?: unknown }).content : entry;
    const fallback = model[`${name}_token_id`];
    const id = typeof content === 'string' ? (added.get(content) ?? ids.get(content)) : undefined;
    if (id !== undefined) special[name] = id;
    else if (typeof fallback === 'number') special[name] = fallback;
  }
  return special;
}

/** Whether a sentence mark is added: by the configuration, else by the post-processor's template, else `fallback`. */
function adds(
  json: TokenizerJson,
  config: Record<string, unknown>,
  name: 'bos' | 'eos',
  id: number | undefined,
  fallback: boolean,
): boolean {
  const declared = config[`add_${name}_token`];
  if (typeof declared === 'boolean') return declared;
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

function templateOf(config: Record<string, unknown>): string | undefined {
  const template = config.chat_template;
  if (typeof template === 'string') return template;
  if (!Array.isArray(template)) return undefined;
  const named = template.map((entry: unknown) => record(entry, 'tokenizer_config.json chat_template'));
  const chosen = named.find((entry) => entry.name === 'default') ?? named[0];
  return typeof chosen?.template === 'string' ? chosen.template : undefined;
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
