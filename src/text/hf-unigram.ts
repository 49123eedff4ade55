import { FormatError } from '../core/errors.ts';
import type { HfTokens } from './hf-config.ts';
import { hfToGguf } from './hf-to-gguf.ts';
import {
  adds,
  addToken,
  declared,
  namedIds,
  specialIds,
  stripsOf,
  tokensById,
  vocabularyParts,
} from './hf-vocabulary.ts';
import type { SentencePieceModel } from './sentencepiece.ts';
import { SpmEncoding } from './spm.ts';
import type { TokenizerJson } from './tokenizer-json.ts';
import { members } from './tokenizer-json.ts';
import type { Tokenizer } from './types.ts';
import { UnigramEncoding, type UnigramOptions } from './unigram.ts';
import type { Vocabulary } from './vocabulary.ts';
import { TokenType, tokenTypes } from './vocabulary.ts';
import { VocabularyTokenizer } from './vocabulary-tokenizer.ts';

/**
 * The tokenizer of SentencePiece's own file, BPE or unigram.
 * @see llama.cpp conversion/base.py, `_create_vocab_sentencepiece`, for added tokens' scores
 */
export function sentencePieceFromHf(model: SentencePieceModel, hf: HfTokens): Tokenizer {
  // Pieces that a user defined are found in text before anything escapes its spaces.
  const texts = model.tokens.map((text, id) =>
    model.types[id] === TokenType.userDefined ? text.replaceAll('▁', ' ') : text,
  );
  const tokens = tokensById([...texts.map((text, id): [string, number] => [text, id]), ...namedIds(hf.added)]);
  const types = new Uint8Array(tokens.length).fill(TokenType.unused);
  types.set(model.types);
  const scores = new Float32Array(tokens.length).fill(-10000);
  scores.set(model.scores);
  for (const token of hf.added) {
    addToken(token, tokens, types);
    scores[token.id] = -1000;
  }
  const bpe = model.algorithm === 'bpe';
  const special = specialIds(new Map(tokens.map((text, id) => [text, id])), hf);
  if (special.unk === undefined && types.includes(TokenType.unknown)) special.unk = types.indexOf(TokenType.unknown);
  const vocabulary: Vocabulary = {
    model: bpe ? 'llama' : 't5',
    tokens,
    byteLevel: false,
    types,
    special,
    strips: stripsOf(hf.added),
    ends: hf.ends,
    addBos: declared(hf.config.add_bos_token) ?? bpe,
    addEos: declared(hf.config.add_eos_token) ?? !bpe,
    addSpacePrefix: declared(hf.config.add_prefix_space) ?? model.addSpacePrefix,
    chatTemplate: hf.chatTemplate,
  };
  if (!bpe)
    return unigram(vocabulary, hf, scores, { charsMap: model.charsMap, removeExtraSpaces: model.removeExtraSpaces });
  const toGguf = hfToGguf({ vocabulary, tokens: hf, pre: 'default', scores });
  return new VocabularyTokenizer(vocabulary, new SpmEncoding(vocabulary, scores), toGguf);
}

/**
 * The tokenizer of a tokenizer.json with a Unigram model (T5, XLM-R).
 * @throws FormatError when its normalizer is another than SentencePiece's compiled one
 */
export function unigramFromHf(json: TokenizerJson, hf: HfTokens): Tokenizer {
  if (json.byteFallback) {
    throw new FormatError(
      'tokenizer.json: found a Unigram model with byte_fallback, which no GGUF can carry; take a model without',
    );
  }
  const { tokens, types, special, strips } = vocabularyParts(json, hf);
  if (json.unknownId !== undefined) {
    types[json.unknownId] = TokenType.unknown;
    special.unk ??= json.unknownId;
  }
  const scores = Float32Array.from(tokens, (_, id) => json.scores[id] ?? -1000);
  const splitters = members(json.preTokenizer, 'pretokenizers');
  const metaspace = splitters.find((part) => part.type === 'Metaspace');
  const scheme = metaspace?.prepend_scheme ?? (metaspace?.add_prefix_space === false ? 'never' : 'always');
  const vocabulary: Vocabulary = {
    model: 't5',
    tokens,
    byteLevel: false,
    types,
    special,
    strips,
    ends: hf.ends,
    addBos: adds(json, hf.config, 'bos', special.bos ?? special.cls, false),
    addEos: adds(json, hf.config, 'eos', special.eos, false),
    addSpacePrefix: scheme !== 'never',
    chatTemplate: hf.chatTemplate,
  };
  const { charsMap, collapses } = normalizerOf(json);
  const removeExtraSpaces = collapses || splitters.some((part) => part.type === 'WhitespaceSplit');
  return unigram(vocabulary, hf, scores, { charsMap, removeExtraSpaces });
}

function unigram(vocabulary: Vocabulary, hf: HfTokens, scores: Float32Array, options: UnigramOptions): Tokenizer {
  const encoding = new UnigramEncoding(vocabulary, scores, tokenTypes(vocabulary), options);
  const toGguf = hfToGguf({ vocabulary, tokens: hf, pre: 'default', scores, unigram: options });
  return new VocabularyTokenizer(vocabulary, encoding, toGguf);
}

/** The compiled normalization, and whether runs of spaces become one. */
function normalizerOf(json: TokenizerJson): { charsMap: Uint8Array; collapses: boolean } {
  let [charsMap, collapses] = [new Uint8Array(0), false];
  for (const part of members(json.normalizer, 'normalizers')) {
    const regex = (part.pattern as { Regex?: unknown } | undefined)?.Regex;
    if (part.type === 'Precompiled' && typeof part.precompiled_charsmap === 'string') {
      charsMap = Uint8Array.from(atob(part.precompiled_charsmap), (character) => character.charCodeAt(0));
    } else if (part.type === 'Replace' && regex === ' {2,}') collapses = true;
    else if (part.type !== 'Strip') {
      throw new FormatError(
        `tokenizer.json normalizer: found ${part.type}, expected Precompiled, Strip or Replace of spaces with a Unigram model; such tokenizers are not supported`,
      );
    }
  }
  return { charsMap, collapses };
}
