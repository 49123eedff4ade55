/** Kinds of token as GGUF's `tokenizer.ggml.token_type` numbers them. */
export const TokenType = { normal: 1, unknown: 2, control: 3, userDefined: 4, unused: 5, byte: 6 } as const;

/** Special tokens that GGUF names, in the order in which llama.cpp's converter writes them. */
export const specialNames = ['bos', 'eos', 'unk', 'sep', 'pad', 'cls', 'mask', 'eot', 'eom'] as const;
export type SpecialName = (typeof specialNames)[number];

/** GGUF keys of the special tokens' ids. */
export const specialKeys: Readonly<Record<SpecialName, string>> = {
  bos: 'tokenizer.ggml.bos_token_id',
  eos: 'tokenizer.ggml.eos_token_id',
  unk: 'tokenizer.ggml.unknown_token_id',
  sep: 'tokenizer.ggml.seperator_token_id',
  pad: 'tokenizer.ggml.padding_token_id',
  cls: 'tokenizer.ggml.cls_token_id',
  mask: 'tokenizer.ggml.mask_token_id',
  eot: 'tokenizer.ggml.eot_token_id',
  eom: 'tokenizer.ggml.eom_token_id',
};

/** Key of further ids that end generation, where GGUF's own places do not suffice. */
export const endsKey = 'bitbudget.end_token_ids';

/**
 * `gpt2`: BPE with merges, byte-level but for some pre-tokenizers; `gemma4`, `whitespace`: BPE of characters with merges;
 * `llama`: SentencePiece-like merging by score; `t5`: SentencePiece's unigram model; `bert`: WordPiece.
 */
export const tokenizerModels = ['gpt2', 'gemma4', 'whitespace', 'llama', 't5', 'bert'] as const;
export type TokenizerModel = (typeof tokenizerModels)[number];

/** On which sides a special token takes white space that stands beside it. */
export interface Strip {
  readonly left: boolean;
  readonly right: boolean;
}

/** Everything a tokenizer knows besides its algorithm; read from GGUF metadata or from Hugging Face files. */
export interface Vocabulary {
  /** GGUF's name of the algorithm, see `TokenizerModel`. */
  readonly model: TokenizerModel;
  /** Text by id: in GPT-2's byte alphabet where `byteLevel`, else with `▁` for spaces. */
  readonly tokens: readonly string[];
  readonly byteLevel: boolean;
  /** TokenType by id. */
  readonly types: ArrayLike<number>;
  readonly special: Readonly<Partial<Record<SpecialName, number>>>;
  /** Ids that the model's files declare to end generation, beside `special`'s. */
  readonly ends: readonly number[];
  /** Special tokens that take the white space before or behind them, by id. */
  readonly strips?: ReadonlyMap<number, Strip>;
  readonly addBos: boolean;
  readonly addEos: boolean;
  /** Whether a separator (`[SEP]`) stands behind text. */
  readonly addSep?: boolean;
  /** Whether text gets a leading space. */
  readonly addSpacePrefix: boolean;
  readonly chatTemplate?: string;
}

const endOfTurn = [
  '<|eot_id|>',
  '<|im_end|>',
  '<|end|>',
  '<end_of_turn>',
  '<|endoftext|>',
  '<|end_of_text|>',
  '<EOT>',
  '_<EOT>',
  '[EOT]',
  '<｜end▁of▁sentence｜>',
  '<end_of_utterance>',
];
const endOfGeneration = new Set([
  ...endOfTurn,
  '<|return|>',
  '<|call|>',
  '<|flush|>',
  '<|calls|>',
  '</s>',
  '<|eom_id|>',
  '[EOS]',
  '<eos>',
  '<turn|>',
  '<|tool_response>',
  '[e~[',
  '<|fim_pad|>',
  '<fim-pad>',
  '<fim_pad>',
  '<PAD>',
  '[PAD]',
  '<|fim_repo|>',
  '<|repo_name|>',
  '<fim-repo>',
  '<REPO>',
  '<reponame>',
  '<|file_sep|>',
]);

const fillInMiddle = [
  ...['<|fim_prefix|>', '<fim-prefix>', '<fim_prefix>', '<｜fim▁begin｜>', '<PRE>', '▁<PRE>', '<|code_prefix|>'],
  ...['<|fim_suffix|>', '<fim-suffix>', '<fim_suffix>', '<｜fim▁hole｜>', '<SUF>', '▁<SUF>', '<|code_suffix|>'],
  ...['<|fim_middle|>', '<fim-middle>', '<fim_middle>', '<｜fim▁end｜>', '<MID>', '▁<MID>', '<|code_middle|>'],
  ...['<|prefix|>', '<|suffix|>', '<|middle|>'],
];
const controlTexts = new Set([...endOfGeneration, ...fillInMiddle]);
const shownTexts = new Set(['<|channel|>', '<|message|>', '<|start|>', '<|constrain|>']);

/**
 * Texts that look like an end and are none: models with their own end-of-call tokens use `<|end|>` inside of a turn,
 * and Gemma 4 uses `</s>` so.
 */
function innerTexts(tokens: readonly string[]): ReadonlyMap<string, number> {
  const marks = ['<|call|>', '<|calls|>', '<|return|>', '<|flush|>', '<|tool_response>'];
  const has = new Set(marks.filter((mark) => tokens.includes(mark)));
  const calls = has.has('<|call|>') || has.has('<|calls|>');
  const inner = new Map<string, number>();
  if (calls && (has.has('<|return|>') || has.has('<|flush|>'))) inner.set('<|end|>', TokenType.userDefined);
  if (has.has('<|tool_response>')) inner.set('</s>', TokenType.normal);
  return inner;
}

/** Kinds of all tokens, with llama.cpp's corrections of what files commonly get wrong. */
export function tokenTypes(vocabulary: Vocabulary): Uint8Array {
  const inner = innerTexts(vocabulary.tokens);
  return Uint8Array.from(vocabulary.tokens, (text, id) => {
    if (inner.has(text)) return inner.get(text)!;
    if (controlTexts.has(text)) return TokenType.control;
    return shownTexts.has(text) ? TokenType.userDefined : vocabulary.types[id];
  });
}

/** Ids that llama.cpp knows to end generation by their text alone. */
export function endIdsByText({ tokens }: Vocabulary): number[] {
  const inner = innerTexts(tokens);
  const ids = new Map<string, number>();
  for (const [id, text] of tokens.entries()) if (endOfGeneration.has(text) && !inner.has(text)) ids.set(text, id);
  return [...ids.values()];
}

/**
 * Ids that end generation: all declared ones, and those whose text is known to, as llama.cpp finds them (models often
 * declare one of several). Sorted.
 */
export function stopIds(vocabulary: Vocabulary): number[] {
  const { special, ends, tokens } = vocabulary;
  const declared = [special.eos, special.eot, special.eom, ...ends].filter((id) => id !== undefined);
  const all = new Set([...endIdsByText(vocabulary), ...declared.filter((id) => id < tokens.length)]);
  return [...all].sort((a, b) => a - b);
}
