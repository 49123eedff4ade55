import type { MetadataValue } from '../container/types.ts';
import { FormatError } from '../core/errors.ts';
import { bytesOfByteLevel } from './byte-level.ts';
import { SpecialTokens } from './special-tokens.ts';
import type { EncodeOptions, Tokenizer, TypedMetadata } from './types.ts';
import type { Vocabulary } from './vocabulary.ts';
import { stopIds, TokenType, tokenTypes } from './vocabulary.ts';

/** The algorithm inside a tokenizer: ids of text that holds no special tokens. */
export interface TextEncoding {
  /** @param first whether the text stands at the start or after a special token */
  encode(text: string, first: boolean): Int32Array;
}

/** A tokenizer as llama.cpp frames it: special tokens cut out, BOS and EOS put around, the rest left to an encoding. */
export class VocabularyTokenizer implements Tokenizer {
  readonly vocabularySize: number;
  readonly bos?: number;
  readonly eos?: number;
  readonly stop: readonly number[];
  readonly addBos: boolean;
  readonly chatTemplate?: string;
  readonly #vocabulary: Vocabulary;
  readonly #types: Uint8Array;
  readonly #encoding: TextEncoding;
  readonly #special: SpecialTokens;
  readonly #toGguf: (vocabularySize?: number) => Map<string, TypedMetadata>;

  constructor(
    vocabulary: Vocabulary,
    encoding: TextEncoding,
    toGguf: (vocabularySize?: number) => Map<string, TypedMetadata>,
  ) {
    this.vocabularySize = vocabulary.tokens.length;
    this.bos = vocabulary.special.bos;
    this.eos = vocabulary.special.eos;
    this.stop = stopIds(vocabulary);
    this.addBos = vocabulary.addBos && this.bos !== undefined;
    this.chatTemplate = vocabulary.chatTemplate;
    this.#vocabulary = vocabulary;
    this.#types = tokenTypes(vocabulary);
    this.#encoding = encoding;
    this.#special = new SpecialTokens(vocabulary, this.#types);
    this.#toGguf = toGguf;
  }

  encode(text: string, options: EncodeOptions = {}): Int32Array {
    const parts: Int32Array[] = [];
    if (options.special && this.addBos) parts.push(Int32Array.of(this.bos!));
    let first = true;
    for (const piece of this.#special.partition(text, options.parseSpecial ?? false)) {
      parts.push(typeof piece === 'number' ? Int32Array.of(piece) : this.#encoding.encode(piece, first));
      first = typeof piece === 'number';
    }
    if (options.special === true && this.#vocabulary.addEos && this.eos !== undefined)
      parts.push(Int32Array.of(this.eos));
    const { sep } = this.#vocabulary.special;
    if (options.special === true && this.#vocabulary.addSep && sep !== undefined) parts.push(Int32Array.of(sep));
    return concatenate(parts);
  }

  decode(ids: ArrayLike<number>): string {
    const parts = Array.from(ids, (id) => this.tokenBytes(id));
    const bytes = new Uint8Array(parts.reduce((sum, part) => sum + part.length, 0));
    let offset = 0;
    for (const part of parts) {
      bytes.set(part, offset);
      offset += part.length;
    }
    const text = new TextDecoder('utf-8', { ignoreBOM: true }).decode(bytes);
    const type = ids.length > 0 ? this.#types[ids[0]] : undefined;
    const prefixed = this.#vocabulary.addSpacePrefix && type === TokenType.normal;
    return prefixed && text.startsWith(' ') ? text.slice(1) : text;
  }

  tokenBytes(id: number): Uint8Array {
    const text = this.#vocabulary.tokens[id];
    if (text === undefined) {
      throw new FormatError(
        `token id ${id}: outside of the vocabulary of ${this.vocabularySize}, check that the tokenizer belongs to the model`,
      );
    }
    switch (this.#types[id]) {
      case TokenType.unused:
        return new Uint8Array(0);
      case TokenType.byte:
        return Uint8Array.of(Number.parseInt(text.slice(3, 5), 16));
      case TokenType.control:
      case TokenType.unknown:
      case TokenType.userDefined:
        return new TextEncoder().encode(text);
      default:
        if (this.#vocabulary.byteLevel) return bytesOfByteLevel(text);
        return new TextEncoder().encode(text.replaceAll('▁', ' '));
    }
  }

  toGguf(vocabularySize?: number): Map<string, TypedMetadata> {
    return this.#toGguf(vocabularySize);
  }
}

function concatenate(parts: readonly Int32Array[]): Int32Array {
  const all = new Int32Array(parts.reduce((sum, part) => sum + part.length, 0));
  let offset = 0;
  for (const part of parts) {
    all.set(part, offset);
    offset += part.length;
  }
  return all;
}

/** Shorthand for a metadata entry. */
export function typed(type: string, value: MetadataValue): TypedMetadata {
  return { type, value };
}
