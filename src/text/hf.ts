import { FormatError } from '../core/errors.ts';
import { bpeFromHf } from './hf-bpe.ts';
import type { HfTokenFiles, HfTokens } from './hf-config.ts';
import { readHfTokens } from './hf-config.ts';
import { sentencePieceFromHf, unigramFromHf } from './hf-unigram.ts';
import { wordPieceFromHf } from './hf-wordpiece.ts';
import { readSentencePiece } from './sentencepiece.ts';
import { tokenizerJsonOfMerges, tokenizerJsonOfWords } from './slow-files.ts';
import type { TokenizerJson } from './tokenizer-json.ts';
import { readTokenizerJson } from './tokenizer-json.ts';
import type { Tokenizer } from './types.ts';

/** Parsed files of a Hugging Face folder: one kind of vocabulary, and what tells about its tokens. */
export interface HfTokenizerFiles extends HfTokenFiles {
  /** tokenizer.json; counts before the other vocabularies. */
  readonly tokenizer?: object;
  /** tokenizer.model, SentencePiece's own file. */
  readonly sentencePiece?: Uint8Array;
  /** vocab.json and the text of merges.txt. */
  readonly merges?: { readonly vocab: object; readonly merges: string };
  /** Text of vocab.txt, a WordPiece vocabulary. */
  readonly words?: string;
}

/**
 * The tokenizer of a Hugging Face folder: byte-level BPE, SentencePiece-like BPE with byte fallback (Llama 2, Mistral,
 * Gemma), SentencePiece's unigram model (T5, XLM-R), WordPiece (BERT). A normalizer of a byte-level tokenizer (Qwen's NFC)
 * is applied; llama.cpp has none, so ids agree with it on normalized text.
 * @throws FormatError when there is no vocabulary, or one that is of another kind or ill-formed
 */
export function tokenizerFromHf(files: HfTokenizerFiles): Tokenizer {
  const tokens = readHfTokens(files);
  if (files.tokenizer === undefined && files.sentencePiece !== undefined)
    return sentencePieceFromHf(readSentencePiece(files.sentencePiece), tokens);
  const json = readTokenizerJson(files.tokenizer ?? slowTokenizer(files, tokens));
  return readers[json.kind](json, tokens);
}

const readers: Readonly<Record<TokenizerJson['kind'], (json: TokenizerJson, tokens: HfTokens) => Tokenizer>> = {
  BPE: bpeFromHf,
  Unigram: unigramFromHf,
  WordPiece: wordPieceFromHf,
};

function slowTokenizer({ merges, words }: HfTokenizerFiles, tokens: HfTokens): object {
  if (merges !== undefined) return tokenizerJsonOfMerges(merges.vocab, merges.merges, tokens);
  if (words !== undefined) return tokenizerJsonOfWords(words, tokens);
  throw new FormatError(
    'tokenizer: found none of tokenizer.json, tokenizer.model, vocab.json with merges.txt, vocab.txt; fetch them from where the model came from',
  );
}
