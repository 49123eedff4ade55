import { FormatError } from '../core/errors.ts';
import type { HfTokens } from './hf-config.ts';
import { gpt2Split, preTokenizerByName } from './pre-tokenizers.ts';

/** How a tokenizer class of transformers splits text before byte-level merges. */
interface ByteLevelClass {
  readonly splits: readonly string[];
  readonly normalizer?: string;
}

const gpt2: ByteLevelClass = { splits: [gpt2Split] };
const qwen2: ByteLevelClass = { splits: preTokenizerByName('qwen2')!.splits, normalizer: 'NFC' };

/**
 * Classes whose folders may hold vocab.json and merges.txt alone, by `tokenizer_class` without `Fast`, and by
 * `model_type` where a folder names no class.
 * @see transformers src/transformers/convert_slow_tokenizer.py
 */
const classes: Readonly<Record<string, ByteLevelClass>> = {
  GPT2Tokenizer: gpt2,
  CodeGenTokenizer: gpt2,
  GPTNeoXTokenizer: gpt2,
  RobertaTokenizer: gpt2,
  BartTokenizer: gpt2,
  WhisperTokenizer: gpt2,
  Qwen2Tokenizer: qwen2,
  gpt2,
  gpt_neo: gpt2,
  gpt_neox: gpt2,
  opt: gpt2,
  phi: gpt2,
  qwen2,
  qwen2_moe: qwen2,
  qwen3: qwen2,
  qwen3_moe: qwen2,
};

/**
 * tokenizer.json of a folder that holds vocab.json and merges.txt alone, as transformers makes it of them.
 * @throws FormatError when neither the tokenizer's class nor the model's type tells how text is split
 */
export function tokenizerJsonOfMerges(vocab: object, merges: string, tokens: HfTokens): object {
  const named = typeof tokens.config.tokenizer_class === 'string' ? tokens.config.tokenizer_class : undefined;
  const name = named?.replace(/Fast$/, '') ?? tokens.modelType ?? 'none';
  if (!Object.hasOwn(classes, name)) {
    throw new FormatError(
      `vocab.json and merges.txt: found the tokenizer class ${name}, expected ${Object.keys(classes).join(', ')}; add the model's tokenizer.json to the folder`,
    );
  }
  const { splits, normalizer } = classes[name];
  const split = (Regex: string): object => ({ type: 'Split', pattern: { Regex }, behavior: 'Isolated', invert: false });
  const lines = merges.split(/\r?\n/).filter((line, i) => line !== '' && !(i === 0 && line.startsWith('#version')));
  return {
    added_tokens: tokens.added,
    normalizer: normalizer === undefined ? null : { type: normalizer },
    pre_tokenizer: {
      type: 'Sequence',
      pretokenizers: [...splits.map(split), { type: 'ByteLevel', add_prefix_space: false, use_regex: false }],
    },
    post_processor: null,
    model: { type: 'BPE', vocab, merges: lines },
  };
}

/**
 * tokenizer.json of a folder that holds a WordPiece vocabulary alone, vocab.txt, as transformers makes it: letters are
 * put into small ones unless `do_lower_case` is false.
 */
export function tokenizerJsonOfWords(words: string, { config, added }: HfTokens): object {
  const tokens = words.replace(/\r?\n$/, '').split(/\r?\n/);
  const vocab = Object.fromEntries(tokens.map((token, id) => [token, id]));
  const framing = ['[PAD]', '[UNK]', '[CLS]', '[SEP]', '[MASK]'].filter((token) => Object.hasOwn(vocab, token));
  const usual = framing.map((content) => ({ id: vocab[content], content, special: true }));
  return {
    added_tokens: added.length > 0 ? added : usual,
    normalizer: {
      type: 'BertNormalizer',
      lowercase: config.do_lower_case !== false,
      strip_accents: typeof config.strip_accents === 'boolean' ? config.strip_accents : null,
    },
    pre_tokenizer: { type: 'BertPreTokenizer' },
    post_processor: null,
    model: { type: 'WordPiece', vocab, unk_token: '[UNK]', continuing_subword_prefix: '##' },
  };
}
