import { FormatError } from '../core/errors.ts';
import { BpeEncoding } from './bpe.ts';
import type { HfTokens } from './hf-config.ts';
import { hfToGguf } from './hf-to-gguf.ts';
import { adds, declared, vocabularyParts } from './hf-vocabulary.ts';
import { gpt2Split, preTokenizerByName, preTokenizerBySplits } from './pre-tokenizers.ts';
import { SpmEncoding } from './spm.ts';
import type { Component, TokenizerJson } from './tokenizer-json.ts';
import { members } from './tokenizer-json.ts';
import type { Tokenizer } from './types.ts';
import type { TokenizerModel, Vocabulary } from './vocabulary.ts';
import { TokenType } from './vocabulary.ts';
import { VocabularyTokenizer } from './vocabulary-tokenizer.ts';

/** The tokenizer of a tokenizer.json with a BPE model: byte-level, SentencePiece-like, or Gemma 4's. */
export function bpeFromHf(json: TokenizerJson, hf: HfTokens): Tokenizer {
  const byteLevel = members(json.preTokenizer, 'pretokenizers').some((part) => part.type === 'ByteLevel');
  if (byteLevel || !json.byteFallback) return byteLevelBpe(json, hf);
  return hf.modelType?.startsWith('gemma4') ? characterBpe(json, hf) : spmBpe(json, hf);
}

function byteLevelBpe(json: TokenizerJson, hf: HfTokens): Tokenizer {
  const vocabulary = vocabularyOf(json, hf, 'gpt2');
  const splits = splitsOf(json.preTokenizer);
  const pre = splits && preTokenizerBySplits(splits, json.ignoreMerges);
  const encoding = new BpeEncoding({
    normalizer: json.normalizer,
    words: splits ?? json.preTokenizer,
    vocab: json.vocab,
    merges: json.merges,
    ignoreMerges: json.ignoreMerges,
    unknownToken: json.unknownToken,
    cuttable: pre !== undefined && pre.spansLines !== true,
  });
  const toGguf = hfToGguf({ vocabulary, tokens: hf, pre: pre?.names[0], merges: json.merges });
  return new VocabularyTokenizer(vocabulary, encoding, toGguf);
}

/** BPE of characters with `▁` for spaces; llama.cpp knows it as Gemma 4's. */
function characterBpe(json: TokenizerJson, hf: HfTokens): Tokenizer {
  const vocabulary: Vocabulary = { ...vocabularyOf(json, hf, 'gemma4'), addBos: true };
  const pre = preTokenizerByName('gemma4')!;
  const encoding = new BpeEncoding({
    normalizer: null,
    words: pre.splits,
    vocab: json.vocab,
    merges: json.merges,
    ignoreMerges: false,
    cuttable: true,
    spelling: pre.spelling,
  });
  const toGguf = hfToGguf({ vocabulary, tokens: hf, pre: 'gemma4', merges: json.merges });
  return new VocabularyTokenizer(vocabulary, encoding, toGguf);
}

function spmBpe(json: TokenizerJson, hf: HfTokens): Tokenizer {
  const vocabulary = vocabularyOf(json, hf, 'llama');
  const scores = scoresOfMerges(json, vocabulary);
  const toGguf = hfToGguf({ vocabulary, tokens: hf, pre: 'default', scores });
  return new VocabularyTokenizer(vocabulary, new SpmEncoding(vocabulary, scores), toGguf);
}

function vocabularyOf(json: TokenizerJson, hf: HfTokens, model: TokenizerModel): Vocabulary {
  const { tokens, types, special, strips } = vocabularyParts(json, hf);
  const byteLevel = model === 'gpt2';
  if (!byteLevel) {
    for (const [text, id] of Object.entries(json.vocab)) {
      if (types[id] === TokenType.normal && /^<0x[0-9A-F]{2}>$/.test(text)) types[id] = TokenType.byte;
    }
  }
  const spm = model === 'llama';
  return {
    model,
    tokens,
    byteLevel,
    types,
    special,
    strips,
    ends: hf.ends,
    addBos: adds(json, hf.config, 'bos', special.bos, spm),
    addEos: adds(json, hf.config, 'eos', special.eos, false),
    addSpacePrefix: spm && (declared(hf.config.add_prefix_space) ?? prependsSpace(json)),
    chatTemplate: hf.chatTemplate,
  };
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
