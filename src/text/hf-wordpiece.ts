import { FormatError } from '../core/errors.ts';
import type { HfTokens } from './hf-config.ts';
import { hfToGguf } from './hf-to-gguf.ts';
import { vocabularyParts } from './hf-vocabulary.ts';
import type { TokenizerJson } from './tokenizer-json.ts';
import { members } from './tokenizer-json.ts';
import type { Tokenizer } from './types.ts';
import type { Vocabulary } from './vocabulary.ts';
import { TokenType } from './vocabulary.ts';
import { VocabularyTokenizer } from './vocabulary-tokenizer.ts';
import { WordPieceEncoding } from './wordpiece.ts';

/**
 * The tokenizer of a tokenizer.json with a WordPiece model (BERT). Pieces inside of words lose their `##`, those at the
 * start get `▁`, as GGUF spells them.
 * @throws FormatError when it has no [CLS], [SEP] or [UNK], or splits otherwise than BERT
 */
export function wordPieceFromHf(json: TokenizerJson, hf: HfTokens): Tokenizer {
  const parts = vocabularyParts(json, hf);
  const { types, strips } = parts;
  const special = { ...parts.special, ...bertIds(json, parts.special) };
  const inner = json.innerPrefix;
  const tokens = parts.tokens.map((token, id) => {
    if (types[id] !== TokenType.normal) return token;
    return token.startsWith(inner) ? token.slice(inner.length) : `▁${token}`;
  });
  const vocabulary: Vocabulary = {
    model: 'bert',
    tokens,
    byteLevel: false,
    types,
    special: { ...special, bos: special.cls },
    strips,
    ends: hf.ends,
    addBos: true,
    addEos: false,
    addSep: true,
    addSpacePrefix: true,
  };
  const wordPiece = normalizerOf(json);
  const toGguf = hfToGguf({ vocabulary, tokens: hf, pre: 'default', wordPiece });
  return new VocabularyTokenizer(vocabulary, new WordPieceEncoding(vocabulary, wordPiece), toGguf);
}

/** Ids of the tokens that frame text, by their usual names where no file names them. */
function bertIds(json: TokenizerJson, special: HfSpecial): { cls: number; sep: number; unk: number } {
  const find = (name: 'cls' | 'sep' | 'unk', text: string): number => {
    const id = special[name] ?? json.vocab[text];
    if (id === undefined)
      throw new FormatError(
        `tokenizer.json: found no token ${text}, expected the one that a WordPiece model has; the vocabulary is incomplete`,
      );
    return id;
  };
  return { cls: find('cls', '[CLS]'), sep: find('sep', '[SEP]'), unk: find('unk', json.unknownToken ?? '[UNK]') };
}

type HfSpecial = ReturnType<typeof vocabularyParts>['special'];

function normalizerOf(json: TokenizerJson): { lowercase: boolean; stripAccents: boolean } {
  let [lowercase, stripAccents]: [boolean, boolean | undefined] = [false, undefined];
  for (const part of members(json.normalizer, 'normalizers')) {
    if (part.type === 'BertNormalizer') {
      lowercase = part.lowercase !== false;
      stripAccents = typeof part.strip_accents === 'boolean' ? part.strip_accents : undefined;
    } else if (part.type === 'Lowercase') lowercase = true;
    else if (part.type === 'StripAccents') stripAccents = true;
    else if (part.type !== 'NFD') {
      throw new FormatError(
        `tokenizer.json normalizer: found ${part.type}, expected BertNormalizer with a WordPiece model; such tokenizers are not supported`,
      );
    }
  }
  return { lowercase, stripAccents: stripAccents ?? lowercase };
}
