import { FormatError, UsageError } from '../core/errors.ts';
import { bitsPerWeight, fitsRows, format, formatByGgufType, formats } from '../numeric/table.ts';
import type { NumberFormat } from '../numeric/types.ts';
import type { TypedMetadata } from '../text/types.ts';
import type { CacheFormats, Model, ModelConfig } from './types.ts';

/*
 * Which number formats the KV cache can be kept in, and how a GGUF file says so: the keys below hold one ggml_type id per
 * block. Other runtimes ignore them; llama.cpp takes one type for all keys and one for all values on its command line.
 */
const KEYS = { k: 'bitbudget.cache_k', v: 'bitbudget.cache_v' } as const;

/** What llama.cpp's `-ctk` and `-ctv` take. @see llama.cpp common/arg.cpp, kv_cache_types */
const LLAMA_CPP = ['F32', 'F16', 'BF16', 'Q8_0', 'Q5_1', 'Q5_0', 'Q4_1', 'Q4_0', 'IQ4_NL'];

export function isLlamaCppCache(name: string): boolean {
  return LLAMA_CPP.includes(name);
}

/** Keys and values of a file without a word on its cache. */
const DEFAULT = 'F32';

/** Formats whose blocks do not straddle heads, fewest bits last. */
export function cacheFormats({ headDim }: ModelConfig): NumberFormat[] {
  return [...formats.values()].filter((each) => holdsHeads(each, headDim));
}

/** Those that save something beside binary16: what plans choose from. */
export function pricedCacheFormats(config: ModelConfig): string[] {
  return cacheFormats(config)
    .filter((each) => bitsPerWeight(each) <= 16)
    .map(({ name }) => name);
}

function holdsHeads(each: NumberFormat, headDim: number): boolean {
  return each.encodeBlocks !== undefined && each.gguf !== undefined && fitsRows(each, headDim);
}

/**
 * The format of that name, upper or lower case, when it can hold keys and values of the model.
 * @throws UsageError
 */
export function cacheFormat(config: ModelConfig, name: string, subject: string): string {
  const known = formats.get(name.toUpperCase());
  if (known !== undefined && holdsHeads(known, config.headDim)) return known.name;
  const usable = cacheFormats(config).map((each) => each.name);
  const why = known === undefined ? 'is not known' : `does not hold heads of ${config.headDim} values`;
  throw new UsageError(`${subject}: ${name} ${why}; expected one of ${usable.join(', ')}`);
}

/** The same formats in all blocks. */
export function uniformCache({ layers }: ModelConfig, k: string, v: string): CacheFormats {
  return { k: new Array(layers).fill(k), v: new Array(layers).fill(v) };
}

/** The model with the formats of its cache replaced in all blocks, as far as they are given. */
export function withCacheFormats(model: Model, given: { readonly k?: string; readonly v?: string }): Model {
  if (given.k === undefined && given.v === undefined) return model;
  const [k = DEFAULT, v = DEFAULT] = (['k', 'v'] as const).map(
    (key) => given[key] && cacheFormat(model.config, given[key], `cache ${key}`),
  );
  const uniform = uniformCache(model.config, k, v);
  return {
    ...model,
    cache: {
      k: given.k === undefined ? (model.cache?.k ?? uniform.k) : uniform.k,
      v: given.v === undefined ? (model.cache?.v ?? uniform.v) : uniform.v,
    },
  };
}

/**
 * Checks what a plan says.
 * @throws UsageError when there are more or fewer formats than blocks, or one does not fit
 */
export function checkCacheFormats(config: ModelConfig, cache: CacheFormats, subject: string): void {
  for (const [key, names] of Object.entries({ k: cache.k, v: cache.v })) {
    if (names.length !== config.layers)
      throw new UsageError(
        `${subject}: ${names.length} formats of cache ${key}, the model has ${config.layers} blocks`,
      );
    for (const [layer, name] of names.entries())
      cacheFormat(config, name, `${subject}: cache ${key} of block ${layer}`);
  }
}

/** Bytes of the keys or the values of one block at a number of tokens. */
export function cacheBytes({ kvHeads, headDim }: ModelConfig, name: string, tokens: number): number {
  const { blockSize, blockBytes } = format(name);
  return tokens * ((kvHeads * headDim) / blockSize) * blockBytes;
}

/** Key-values of a GGUF file; their length does not depend on the formats. */
export function cacheMetadata(cache: CacheFormats): Map<string, TypedMetadata> {
  const ids = (names: readonly string[]): TypedMetadata => ({
    type: 'array:uint32',
    value: names.map((name) => format(name).gguf!.type),
  });
  return new Map([
    [KEYS.k, ids(cache.k)],
    [KEYS.v, ids(cache.v)],
  ]);
}

/**
 * What a GGUF file says of its cache; undefined when it says nothing.
 * @throws FormatError when it says what no cache can be
 */
export function cacheFromGguf(metadata: ReadonlyMap<string, unknown>, config: ModelConfig): CacheFormats | undefined {
  if (!metadata.has(KEYS.k) && !metadata.has(KEYS.v)) return undefined;
  const read = (key: string): string[] => {
    const ids = metadata.get(key);
    if (!Array.isArray(ids) || ids.length !== config.layers)
      throw new FormatError(`GGUF: ${key} must list ${config.layers} types, one per block`);
    return ids.map((id) => {
      const known = typeof id === 'number' ? formatByGgufType(id) : undefined;
      if (known === undefined || !holdsHeads(known, config.headDim))
        throw new FormatError(`GGUF: ${key} has type ${String(id)}, which no cache of this model can be kept in`);
      return known.name;
    });
  };
  return { k: read(KEYS.k), v: read(KEYS.v) };
}

/** Whether a key of a GGUF file speaks of its cache: what is made anew of the file says that for itself. */
export function isCacheKey(key: string): boolean {
  return key === KEYS.k || key === KEYS.v;
}
