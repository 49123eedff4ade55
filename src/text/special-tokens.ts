import type { Strip, Vocabulary } from './vocabulary.ts';
import { TokenType } from './vocabulary.ts';

/** A token that is found in text before the tokenizer's own algorithm runs. */
interface SpecialToken {
  readonly id: number;
  readonly text: string;
  /** Only with `parseSpecial`; user-defined tokens are always found. */
  readonly control: boolean;
  readonly strip?: Strip;
}

/**
 * Cuts text at special tokens, the longest token first over the whole text, as llama.cpp does
 * (leftmost-longest differs where two special tokens overlap).
 */
export class SpecialTokens {
  readonly #tokens: SpecialToken[] = [];

  /** @param types TokenType by id, corrected */
  constructor(vocabulary: Vocabulary, types: Uint8Array) {
    for (const [id, text] of vocabulary.tokens.entries()) {
      const type = types[id];
      const control = type === TokenType.control || type === TokenType.unknown;
      if ((control || type === TokenType.userDefined) && text !== '') {
        this.#tokens.push({ id, text, control, strip: vocabulary.strips?.get(id) });
      }
    }
    const utf8Length = (token: SpecialToken): number => new TextEncoder().encode(token.text).length;
    this.#tokens.sort((a, b) => utf8Length(b) - utf8Length(a) || a.id - b.id);
  }

  /** Pieces in order: text as a string, a special token as its id. No piece is empty. */
  partition(text: string, parseSpecial: boolean): (string | number)[] {
    let pieces: (string | number)[] = text === '' ? [] : [text];
    for (const token of this.#tokens) {
      // Most special tokens are nowhere in the text: one search settles it.
      if ((token.control && !parseSpecial) || !text.includes(token.text)) continue;
      pieces = pieces.flatMap((piece) => (typeof piece === 'string' ? cut(piece, token) : [piece]));
    }
    return pieces;
  }
}

/** White space as C knows it, which llama.cpp strips. */
const spaceAtStart = /^[ \t\n\v\f\r]+/;
const spaceAtEnd = /[ \t\n\v\f\r]+$/;

function cut(text: string, { id, text: mark, strip }: SpecialToken): (string | number)[] {
  const parts = text.split(mark);
  const last = parts.length - 1;
  return parts
    .flatMap((part, i): (string | number)[] => {
      const behind = strip?.right && i > 0 ? part.replace(spaceAtStart, '') : part;
      const before = strip?.left && i < last ? behind.replace(spaceAtEnd, '') : behind;
      return i === 0 ? [before] : [id, before];
    })
    .filter((piece) => piece !== '');
}
