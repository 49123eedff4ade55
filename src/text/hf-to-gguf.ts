import { FormatError } from '../core/errors.ts';
import type { HfTokens } from './hf-config.ts';
import type { TypedMetadata } from './types.ts';
import type { UnigramOptions } from './unigram.ts';
import type { TokenizerModel, Vocabulary } from './vocabulary.ts';
import { endIdsByText, endsKey, specialKeys, specialNames, TokenType } from './vocabulary.ts';
import { typed } from './vocabulary-tokenizer.ts';
import type { WordPieceOptions } from './wordpiece.ts';

interface HfVocabulary {
  readonly vocabulary: Vocabulary;
  /** What the folder's other files say. */
  readonly tokens: HfTokens;
  /** Name for `tokenizer.ggml.pre`; undefined when llama.cpp has no byte-level pre-tokenizer like it. */
  readonly pre?: string;
  readonly merges?: readonly (readonly [string, string])[];
  /** By id, of a SentencePiece-like tokenizer. */
  readonly scores?: Float32Array;
  readonly unigram?: UnigramOptions;
  readonly wordPiece?: WordPieceOptions;
}

/** Models whose text may get a leading space. */
const spaced: readonly TokenizerModel[] = ['llama', 't5', 'gemma4'];

/**
 * Writes a Hugging Face tokenizer as GGUF key-values, in the order of llama.cpp's converter. `add_bos_token` is always
 * written, because llama.cpp's default depends on the pre-tokenizer's name.
 * @see llama.cpp conversion/base.py, conversion/llama.py, gguf-py/gguf/vocab.py
 */
export function hfToGguf(source: HfVocabulary): (vocabularySize?: number) => Map<string, TypedMetadata> {
  return (vocabularySize = source.vocabulary.tokens.length) => {
    const { vocabulary, tokens: hf, pre, merges, scores, unigram, wordPiece } = source;
    if (pre === undefined) {
      throw new FormatError(
        'tokenizer.json: its pre-tokenizer is none of those that llama.cpp knows, so no GGUF can carry this tokenizer',
      );
    }
    const { tokens } = vocabulary;
    if (vocabularySize < tokens.length) {
      throw new FormatError(
        `tokenizer: has ${tokens.length} tokens, expected at most the model's vocabulary of ${vocabularySize}; check that they belong together`,
      );
    }
    const missing = Array.from({ length: vocabularySize - tokens.length }, (_, i) => tokens.length + i);
    const out = new Map<string, TypedMetadata>();
    const spacePrefix = spaced.includes(vocabulary.model) ? vocabulary.addSpacePrefix : hf.config.add_prefix_space;
    if (typeof spacePrefix === 'boolean') out.set('tokenizer.ggml.add_space_prefix', typed('bool', spacePrefix));
    out.set('tokenizer.ggml.model', typed('string', vocabulary.model));
    out.set('tokenizer.ggml.pre', typed('string', pre));
    out.set('tokenizer.ggml.tokens', typed('array:string', [...tokens, ...missing.map((id) => `[PAD${id}]`)]));
    if (scores !== undefined) {
      out.set('tokenizer.ggml.scores', typed('array:float32', [...scores, ...missing.map(() => -10000)]));
    }
    const types = [...Array.from(vocabulary.types), ...missing.map(() => TokenType.unused)];
    out.set('tokenizer.ggml.token_type', typed('array:int32', types));
    if (merges !== undefined) {
      out.set(
        'tokenizer.ggml.merges',
        typed(
          'array:string',
          merges.map((pair) => pair.map(escapeSpaces).join(' ')),
        ),
      );
    }
    if (unigram !== undefined) {
      out.set('tokenizer.ggml.remove_extra_whitespaces', typed('bool', unigram.removeExtraSpaces));
      if (unigram.charsMap.length > 0)
        out.set('tokenizer.ggml.precompiled_charsmap', typed('array:uint8', Array.from(unigram.charsMap)));
    }
    if (wordPiece !== undefined) {
      out.set('tokenizer.ggml.normalizer.lowercase', typed('bool', wordPiece.lowercase ?? true));
      out.set('tokenizer.ggml.normalizer.strip_accents', typed('bool', wordPiece.stripAccents ?? true));
    }
    writeSpecialIds(vocabulary, vocabularySize, out);
    out.set('tokenizer.ggml.add_bos_token', typed('bool', vocabulary.addBos));
    // A model that continues text would end every prompt with it, and llama.cpp's tools refuse such files.
    const isEncoder = vocabulary.model === 't5' || !hf.generates;
    if (isEncoder && (vocabulary.addEos || vocabulary.model === 't5'))
      out.set('tokenizer.ggml.add_eos_token', typed('bool', vocabulary.addEos));
    if (vocabulary.chatTemplate !== undefined) {
      out.set('tokenizer.chat_template', typed('string', vocabulary.chatTemplate));
    }
    return out;
  };
}

/**
 * Ids of special tokens. llama.cpp stops at eos, eot, eom and at tokens whose text it knows: further ids that end
 * generation take the free ones of these places, and what is left over goes to a key that bitbudget alone reads.
 */
function writeSpecialIds(vocabulary: Vocabulary, vocabularySize: number, out: Map<string, TypedMetadata>): void {
  const special = { ...vocabulary.special };
  const known = new Set([special.eos, special.eot, special.eom, ...endIdsByText(vocabulary)]);
  const left = vocabulary.ends.filter((id) => id < vocabularySize && !known.has(id));
  for (const place of ['eot', 'eom'] as const) if (special[place] === undefined) special[place] = left.shift();
  for (const name of specialNames) {
    const id = special[name];
    if (id !== undefined && id < vocabularySize) out.set(specialKeys[name], typed('uint32', id));
  }
  if (left.length > 0) out.set(endsKey, typed('array:uint32', left));
}

/** A space inside a merge would be its separator: llama.cpp writes it as the byte alphabet's `Ġ`. */
const escapeSpaces = (token: string): string => token.replaceAll(' ', 'Ġ');
