import type { TypedMetadata } from '../container/types.ts';

export type { TypedMetadata };

/** Text ↔ token ids, identical to llama.cpp's for the same vocabulary. */
export interface Tokenizer {
  readonly vocabularySize: number;
  readonly bos?: number;
  readonly eos?: number;
  /** Ids that end generation (eos, end of turn, …). */
  readonly stop: readonly number[];
  /** Whether a BOS token is put before text by default (tokenizer.ggml.add_bos_token). */
  readonly addBos: boolean;
  /** @param options see `EncodeOptions` */
  encode(text: string, options?: EncodeOptions): Int32Array;
  /** The text of the ids, control tokens written out (`<|im_end|>`); bytes that are no UTF-8 become U+FFFD. */
  decode(ids: ArrayLike<number>): string;
  /** Bytes of one token, for streaming (a character may span tokens). */
  tokenBytes(id: number): Uint8Array;
  /** Jinja chat template of the model, when it has one. */
  readonly chatTemplate?: string;
  /**
   * `tokenizer.*` key-values as llama.cpp's converter writes them, for a GGUF writer; key order is stable.
   * @param vocabularySize rows of the model's embedding (default `this.vocabularySize`): missing tokens become unused `[PAD{i}]`
   */
  toGguf(vocabularySize?: number): Map<string, TypedMetadata>;
}

export interface EncodeOptions {
  /**
   * Adds BOS and EOS as the model wants; default false. `'start'` adds what stands before text alone, for a prompt that
   * is to be continued: an EOS would end it.
   */
  special?: boolean | 'start';
  /** Reads `<|im_end|>`-like text as control tokens; default false. */
  parseSpecial?: boolean;
}
