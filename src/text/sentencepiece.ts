import { fromBinary } from '@bufbuild/protobuf';
import {
  ModelProtoSchema,
  TrainerSpec_ModelType as ModelType,
  ModelProto_SentencePiece_Type as PieceType,
} from 'sentencepiece-buf/model';
import { FormatError } from '../core/errors.ts';
import { TokenType } from './vocabulary.ts';

/** SentencePiece's tokenizer.model. */
export interface SentencePieceModel {
  /** `bpe`: neighbours merge by score. `unigram`: the most probable pieces. */
  readonly algorithm: 'bpe' | 'unigram';
  /** By id. */
  readonly tokens: readonly string[];
  /** By id; log probabilities of a unigram model. */
  readonly scores: Float32Array;
  /** TokenType by id. */
  readonly types: Uint8Array;
  /** Whether text gets a leading space. */
  readonly addSpacePrefix: boolean;
  /** Whether runs of spaces become one. */
  readonly removeExtraSpaces: boolean;
  /** Replacements of characters, compiled; empty when there are none. */
  readonly charsMap: Uint8Array;
}

const kinds: Readonly<Partial<Record<PieceType, number>>> = {
  [PieceType.NORMAL]: TokenType.normal,
  [PieceType.UNKNOWN]: TokenType.unknown,
  [PieceType.CONTROL]: TokenType.control,
  [PieceType.USER_DEFINED]: TokenType.userDefined,
  [PieceType.UNUSED]: TokenType.unused,
  [PieceType.BYTE]: TokenType.byte,
};

/**
 * Reads a tokenizer.model.
 * @throws FormatError when it is another program's file of that name, damaged, or of SentencePiece's word and character models
 * @see google/sentencepiece src/sentencepiece_model.proto
 */
export function readSentencePiece(bytes: Uint8Array): SentencePieceModel {
  const model = parse(bytes);
  const type = model.trainerSpec?.modelType ?? ModelType.UNIGRAM;
  if (type !== ModelType.BPE && type !== ModelType.UNIGRAM) {
    throw new FormatError(
      `tokenizer.model: found SentencePiece's ${ModelType[type] ?? type} model, expected BPE or UNIGRAM; add the model's tokenizer.json to the folder`,
    );
  }
  return {
    algorithm: type === ModelType.BPE ? 'bpe' : 'unigram',
    tokens: model.pieces.map(({ piece }) => piece),
    scores: Float32Array.from(model.pieces, ({ score }) => score),
    types: Uint8Array.from(model.pieces, ({ type: kind }) => kinds[kind] ?? TokenType.normal),
    addSpacePrefix: model.normalizerSpec?.addDummyPrefix ?? true,
    removeExtraSpaces: model.normalizerSpec?.removeExtraWhitespaces ?? true,
    charsMap: model.normalizerSpec?.precompiledCharsmap ?? new Uint8Array(0),
  };
}

function parse(bytes: Uint8Array) {
  // Llama 3's original tokenizer.model and Qwen's .tiktoken: lines of base64 and a rank.
  if (/^[A-Za-z0-9+/]+={0,2} \d+\r?\n/.test(new TextDecoder('latin1').decode(bytes.subarray(0, 200)))) {
    throw new FormatError(
      'tokenizer.model: found a list of tiktoken, expected a SentencePiece model; add the tokenizer.json of the model’s Hugging Face repository to the folder',
    );
  }
  let model: ReturnType<typeof fromBinary<typeof ModelProtoSchema>> | undefined;
  try {
    model = fromBinary(ModelProtoSchema, bytes);
  } catch {
    // What is wrong inside of the file helps nobody.
  }
  if (model === undefined || model.pieces.length === 0) {
    throw new FormatError(
      `tokenizer.model: ${bytes.length} bytes that are no SentencePiece model; fetch the file again, or add tokenizer.json to the folder`,
    );
  }
  return model;
}
