import type { Spelling } from './bpe.ts';

/**
 * How text is split into words before byte-level BPE merges run inside each word. GGUF names the way in
 * `tokenizer.ggml.pre`; tokenizer.json spells it out. Expressions apply one after the other: each splits the pieces
 * that the one before left, and what a piece's matches leave over is a piece too.
 * @see llama.cpp src/llama-vocab.cpp (names, flags) and each model's tokenizer.json
 */
export interface PreTokenizer {
  /** GGUF names with this behaviour; the first is written for a tokenizer.json that has it. */
  readonly names: readonly string[];
  /** Regular expressions in Oniguruma's syntax, as tokenizer.json has them. */
  readonly splits: readonly string[];
  /** Spelling in tokenizer.json where llama.cpp's differs in rare scripts; serves recognition only. */
  readonly original?: readonly string[];
  /** Words that are tokens are taken whole, without merging. */
  readonly ignoreMerges?: boolean;
  /** llama.cpp's `add_bos_token` when the file does not say. */
  readonly addBos?: boolean;
  /** How the vocabulary is spelt where it has not the byte alphabet. */
  readonly spelling?: Spelling;
  /** Words may span a letter and a line end. */
  readonly spansLines?: boolean;
}

/** GPT-2's own split, which tokenizer.json's ByteLevel applies by `use_regex`. */
export const gpt2Split = String.raw`'s|'t|'re|'ve|'m|'ll|'d| ?\p{L}+| ?\p{N}+| ?[^\s\p{L}\p{N}]+|\s+(?!\S)|\s+`;
const contraction = `(?:'[sS]|'[tT]|'[rR][eE]|'[vV][eE]|'[mM]|'[lL][lL]|'[dD])`;
const letters = String.raw`[^\r\n\p{L}\p{N}]?\p{L}+`;
const spaces = String.raw`\s*[\r\n]+|\s+(?!\S)|\s+`;
const symbols = String.raw` ?[^\s\p{L}\p{N}]+[\r\n]*`;
const tail = `${symbols}|${spaces}`;
const llama3 = String.raw`${contraction}|${letters}|\p{N}{1,3}|${tail}`;
const qwen2 = String.raw`${contraction}|${letters}|\p{N}|${tail}`;

// Camel-case words. The original tells upper from lower case in all scripts; llama.cpp only in ASCII.
const camel = (more: string, suffix: string): string =>
  String.raw`[^\r\n\p{L}\p{N}]?((?=[\p{L}${more}])([^a-z]))*((?=[\p{L}${more}])([^A-Z]))+${suffix}|` +
  String.raw`[^\r\n\p{L}\p{N}]?((?=[\p{L}${more}])([^a-z]))+((?=[\p{L}${more}])([^A-Z]))*${suffix}`;
const camelOriginal = (suffix: string): string =>
  String.raw`[^\r\n\p{L}\p{N}]?[\p{Lu}\p{Lt}\p{Lm}\p{Lo}\p{M}]*[\p{Ll}\p{Lm}\p{Lo}\p{M}]+${suffix}|` +
  String.raw`[^\r\n\p{L}\p{N}]?[\p{Lu}\p{Lt}\p{Lm}\p{Lo}\p{M}]+[\p{Ll}\p{Lm}\p{Lo}\p{M}]*${suffix}`;
const slashTail = String.raw` ?[^\s\p{L}\p{N}]+[\r\n/]*|${spaces}`;

const deepseekWords =
  String.raw`[!"#$%&'()*+,\-./:;<=>?@\[\\\]^_${'`'}{|}~][A-Za-z]+|` +
  String.raw`[^\r\n\p{L}\p{P}\p{S}]?[\p{L}\p{M}]+| ?[\p{P}\p{S}]+`;
// DeepSeek LLM's letters, escaped because editors and tools normalize some of them to other characters.
const deepseekLetters =
  'A-Za-z\u00b5\u00c0-\u00d6\u00d8-\u00f6\u00f8-\u01ba\u01bc-\u01bf\u01c4-\u0293\u0295-\u02af\u0370-\u0373' +
  '\u0376\u0377\u037b-\u037d\u037f\u0386\u0388-\u038a\u038c\u038e-\u03a1\u03a3-\u03f5\u03f7-\u0481\u048a-\u052f' +
  '\u0531-\u0556\u10a0-\u10c5\u13a0-\u13f5\u13f8-\u13fd\u1c90-\u1cba\u1cbd-\u1cbf\u1d00-\u1d2b\u1d6b-\u1d77' +
  '\u1d79-\u1d9a\u1e00-\u1f15\u1f18-\u1f1d\u1f20-\u1f45\u1f48-\u1f4d\u1f50-\u1f57\u1f59\u1f5b\u1f5d' +
  '\u1f5f-\u1f7d\u1f80-\u1fb4\u1fb6-\u1fbc\u1fbe\u1fc2-\u1fc4\u1fc6-\u1fcc\u1fd0-\u1fd3\u1fd6-\u1fdb' +
  '\u1fe0-\u1fec\u1ff2-\u1ff4\u1ff6-\u1ffc\u2102\u2107\u210a-\u2113\u2115\u2119-\u211d\u2124\u2126\u2128' +
  '\u212a-\u212d\u212f-\u2134\u2139\u213c-\u213f\u2145-\u2149\u214e\u2183\u2184\u2c00-\u2c7b\u2c7e-\u2ce4' +
  '\u2ceb-\u2cee\u2cf2\u2cf3\ua640-\ua66d\ua680-\ua69b\ua722-\ua76f\ua771-\ua787\ua78b-\ua78e\uab70-\uabbf' +
  '\ufb00-\ufb06\ufb13-\ufb17\uff21-\uff3a\uff41-\uff5a\u{10400}-\u{1044f}\u{104b0}-\u{104d3}' +
  '\u{104d8}-\u{104fb}\u{10c80}-\u{10cb2}\u{10cc0}-\u{10cf2}\u{118a0}-\u{118df}\u{1e900}-\u{1e943}';
// llama.cpp's ranges of Han characters, for Kimi.
const han =
  '\u4e00-\u9fff\u3400-\u4dbf\u{20000}-\u{2a6df}\u{2a700}-\u{2b73f}\u{2b740}-\u{2b81f}\u{2b820}-\u{2ceaf}' +
  '\u{2ceb0}-\u{2ebef}\uf900-\ufaff\u{2f800}-\u{2fa1f}';
// AFMoE's scripts without spaces, as llama.cpp spells them: the third range was normalized and begins too early.
const unspacedScripts =
  '[\u4e00-\u9fff\u3400-\u4dbf\u8c48-\ufaff\u3040-\u309f\u30a0-\u30ff\uff65-\uff9f\u2f00-\u2fdf' +
  '\u0e40-\u0e7f\u0e80-\u0eff\u1780-\u17ff\u1000-\u109f\uaa60-\uaa7f\ua9e0-\ua9ff\u1100-\u11ff]+';
// llama.cpp takes digits in threes from the right, together with what stands before their first group.
const digitsFromRight = String.raw`\P{N}*\p{N}{1,3}(?=(?:\p{N}{3})*(?!\p{N}))|\P{N}+`;
const cjk = '[一-龥぀-ゟ゠-ヿ]+';
const youtuScripts = `[가-힣ㄱ-ㆎ]+|[！…“”‘’—：；，、-〿︰-﹏]+|[ㄅ-ㄯ]+|${cjk}`;
const bloom = ' ?[^(\\s|.,!?…。，、।۔،)]+';

export const preTokenizers: readonly PreTokenizer[] = [
  {
    names: [
      ...['gpt-2', 'phi-2', 'jina-es', 'jina-de', 'gigachat', 'jina-v2-es', 'jina-v2-de', 'a.x-4.0', 'mellum'],
      ...['modern-bert', 'jina-v1-en', 'jina-v2-code', 'roberta-bpe', 'mpt', 'olmo', 'jais', 'trillion'],
      ...['granite-docling', 'exaone4'],
    ],
    splits: [gpt2Split],
  },
  {
    names: ['llama-bpe', 'llama3', 'llama-v3', 'falcon3', 'falcon-h1', 'pixtral', 'midm-2.0', 'lfm2', 'jina-v5-nano'],
    splits: [llama3],
    ignoreMerges: true,
    addBos: true,
  },
  { names: ['dbrx', 'smaug-bpe', 'glm4', 'chatglm-bpe'], splits: [llama3] },
  {
    names: [
      ...['qwen2', 'deepseek-r1-qwen', 'kormo', 'f2llmv2', 'megrez', 'stablelm2', 'hunyuan', 'solar-open', 'grok-2'],
    ],
    splits: [qwen2],
  },
  {
    names: ['qwen35'],
    splits: [String.raw`${contraction}|[^\r\n\p{L}\p{N}]?[\p{L}\p{M}]+|\p{N}| ?[^\s\p{L}\p{M}\p{N}]+[\r\n]*|${spaces}`],
  },
  {
    names: ['smollm', 'starcoder', 'refact', 'command-r', 'codeshell', 'exaone', 'minerva-7b', 'mellum2'],
    splits: [String.raw`\p{N}`, gpt2Split],
  },
  {
    names: ['tekken'],
    splits: [String.raw`${camel('', '')}|\p{N}|${slashTail}`],
    original: [String.raw`${camelOriginal('')}|\p{N}|${slashTail}`],
    ignoreMerges: true,
    addBos: true,
  },
  {
    names: ['gpt-4o', 'llama4', 'kanana2', 'talkie', 'minimax-m2'],
    splits: [String.raw`${camel('', `${contraction}?`)}|\p{N}{1,3}|${slashTail}`],
    original: [String.raw`${camelOriginal(`${contraction}?`)}|\p{N}{1,3}|${slashTail}`],
  },
  {
    names: ['granite-embed-multi-97m'],
    splits: [String.raw`${camel('\\p{M}', `${contraction}?`)}|\p{N}{1,3}|${slashTail}`],
    ignoreMerges: true,
  },
  {
    names: ['deepseek-llm'],
    splits: [
      '[\\r\\n]',
      `\\s?[${deepseekLetters}]+`,
      '\\s?[!-/:-~！-／：-～‘-‟　-。]+',
      '\\s+$',
      '[一-龥ࠀ-一가-퟿]+',
      '\\p{N}+',
    ],
  },
  {
    names: ['deepseek-coder'],
    splits: ['[\\r\\n]', '\\s?\\p{L}+', '\\s?\\p{P}+', '[一-龥ࠀ-一가-퟿]+', '\\p{N}'],
  },
  {
    names: ['deepseek-v3', 'hunyuan-dense', 'joyai-llm', 'hy_v4'],
    splits: ['\\p{N}{1,3}', cjk, String.raw`${deepseekWords}[\r\n]*|${spaces}`],
  },
  {
    names: ['spark2_5'],
    splits: ['\\p{N}{1,3}', cjk, String.raw`${deepseekWords}|[\r\n]|\s+(?!\S)|\s+`, '\\p{N}'],
  },
  {
    // llama.cpp takes upper and lower case as one class here, so that words are not cut at capitals as the original's.
    names: ['youtu'],
    splits: [youtuScripts, String.raw`[^\r\n\p{L}\p{N}]?[\p{L}\p{M}]+${contraction}?|\p{N}|${slashTail}`],
    original: [youtuScripts, String.raw`${camelOriginal(`${contraction}?`)}|\p{N}|${slashTail}`],
    ignoreMerges: true,
  },
  {
    names: ['falcon'],
    splits: ['[\\p{P}\\$\\+<=>\\^~\\|`]+', gpt2Split, '[0-9][0-9][0-9]'],
  },
  { names: ['poro-chat', 'bloom', 'gpt3-finnish'], splits: [bloom] },
  { names: ['viking'], splits: [bloom, '\\p{N}'] },
  {
    names: ['bailingmoe', 'bailingmoe2', 'llada-moe'],
    splits: [
      String.raw`'(?:[sSdDmMtT]|[lL][lL]|[vV][eE]|[rR][eE])|${letters}|\p{N}|${symbols}|\s*[\r\n]|\s+(?!\S)|\s+`,
    ],
    original: [String.raw`'(?i:[sdmt]|ll|ve|re)|${letters}|\p{N}|${symbols}|\s*[\r\n]|\s+(?!\S)|\s+`],
  },
  {
    names: ['seed-coder'],
    splits: [String.raw`${contraction}|${letters}|\p{N}{1}| ?[^\s\p{L}\p{N}\r\n]+|${spaces}`],
  },
  { names: ['ufakzeka'], splits: [String.raw`${letters}|\p{N}|${tail}`] },
  { names: ['laguna'], splits: ['[^\\n]+|[\\n]+', qwen2] },
  {
    names: ['exaone-moe'],
    splits: [
      String.raw`${contraction}|[^\r\n\p{L}\p{N}]?(?:\p{L}\p{M}*(?: \p{L}\p{M}*)*)+|\p{N}| ?[^\s\p{L}\p{N}]+[\r\n/]?|\s*[\r\n]|\s+(?!\S)|\s+`,
    ],
  },
  {
    names: ['minicpm5'],
    splits: ['\\p{N}{1,3}', String.raw`${contraction}|${letters}|\p{N}+|${tail}`],
    ignoreMerges: true,
  },
  {
    names: ['jais-2'],
    splits: [
      String.raw`${contraction}|${letters}|\p{N}{1,3}|${symbols}|\s*[\r\n]+|` +
        [512, 256, 128, 64, 32, 16, 8, 4, '1,2'].map((n) => `\\s{${n}}(?!\\S)|`).join('') +
        '\\s{1}',
    ],
  },
  {
    names: ['kimi-k2'],
    splits: [String.raw`[${han}]+|[^\r\n\p{L}\p{N}]?(?:(?![${han}])\p{L})+${contraction}?|\p{N}{1,3}|${tail}`],
  },
  {
    names: ['afmoe'],
    splits: [digitsFromRight, unspacedScripts, String.raw`${deepseekWords}[\r\n]*|${spaces}`],
  },
  {
    names: ['tiny_aya', 'cohere2moe'],
    splits: [digitsFromRight, String.raw`[^\r\n\p{L}\p{N}]?[\p{L}\p{M}]+${contraction}?|\p{N}{1,3}|${slashTail}`],
    original: [
      String.raw`\d{1,3}(?=(?:\d{3})*\b)`,
      String.raw`${camelOriginal(`${contraction}?`)}|\p{N}{1,3}|${slashTail}`,
    ],
  },
  {
    names: ['superbpe'],
    splits: ['\\p{N}+', '(?=(?:[0-9]{3})+(?![0-9]))'],
    spansLines: true,
  },
  {
    names: ['chameleon'],
    splits: [
      '<sentinel:[0-9]+>',
      'IMGIMG[A-I]{1,4}Z',
      '[\\t\\n]|    |  ',
      '\\p{N}',
      '[\\p{P}!-/:-@\\[-`{-~]',
      gpt2Split,
    ],
    addBos: true,
  },
  {
    names: ['gemma4', 'granite-embed-multi-311m'],
    splits: ['[^\\n]+|[\\n]+'],
    spelling: { escapesSpaces: true, wholeNewlines: true },
  },
  { names: ['sarvam-moe'], splits: ['[^\\n]+|[\\n]+'], spelling: { escapesSpaces: true } },
  { names: ['whitespace'], splits: ['\\S+'], spelling: {} },
  {
    names: ['default'],
    splits: ['[\\p{P}\\$\\+<=>\\^~\\|]+', gpt2Split, '\\p{N}+', '[0-9][0-9][0-9]'],
  },
];

/** The pre-tokenizer of a GGUF's `tokenizer.ggml.pre`, or undefined for an unknown name. */
export function preTokenizerByName(name: string): PreTokenizer | undefined {
  return preTokenizers.find((candidate) => candidate.names.includes(name));
}

/** The byte-level pre-tokenizer with these expressions, as tokenizer.json spells them; undefined when it is not in the table. */
export function preTokenizerBySplits(splits: readonly string[], ignoreMerges: boolean): PreTokenizer | undefined {
  const same = (other: readonly string[] | undefined): boolean =>
    other !== undefined &&
    other.length === splits.length &&
    other.every((split, i) => canonical(split) === canonical(splits[i]));
  const byteLevel = preTokenizers.filter(({ spelling }) => spelling === undefined);
  const matches = byteLevel.filter((candidate) => same(candidate.splits) || same(candidate.original));
  return matches.find((candidate) => (candidate.ignoreMerges ?? false) === ignoreMerges);
}

/** One spelling for expressions that match the same text: raw line ends, contractions, possessive quantifiers. */
function canonical(split: string): string {
  return split
    .replaceAll('\r', '\\r')
    .replaceAll('\n', '\\n')
    .replaceAll("(?i:'s|'t|'re|'ve|'m|'ll|'d)", contraction)
    .replaceAll(/([?+])\+/g, '$1');
}
