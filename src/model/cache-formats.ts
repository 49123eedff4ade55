import { FormatError, UsageError } from '../core/errors.ts';
import { type CacheState, cacheStates } from '../graph/states.ts';
import type { Graph } from '../graph/types.ts';
import { bitsPerWeight, fitsRows, format, formatByGgufType, formats } from '../numeric/table.ts';
import type { NumberFormat } from '../numeric/types.ts';
import type { TypedMetadata } from '../text/types.ts';
import type { CacheFormats, Model } from './types.ts';

/*
 * Which number formats the KV cache can be kept in, and how a GGUF file says so: `bitbudget.cache_k` and `bitbudget.cache_v`
 * hold one ggml_type id for each state of the kind, in the order of the graph. Other runtimes ignore them; llama.cpp takes
 * one type for all keys and one for all values on its command line.
 */
const KEY = 'bitbudget.cache_';

/** What llama.cpp's `-ctk` and `-ctv` take. @see llama.cpp common/arg.cpp, kv_cache_types */
const LLAMA_CPP = ['F32', 'F16', 'BF16', 'Q8_0', 'Q5_1', 'Q5_0', 'Q4_1', 'Q4_0', 'IQ4_NL'];

export function isLlamaCppCache(name: string): boolean {
  return LLAMA_CPP.includes(name);
}

/** States of which nothing is said. */
const DEFAULT = 'F32';

/** Formats by kind of state, each in the order of the graph. */
export type CacheLists = Readonly<Record<string, readonly string[]>>;

type Heads = Pick<CacheState, 'headDim'>;

/** Formats whose blocks do not straddle heads, fewest bits last. */
export function cacheFormats(state: Heads): NumberFormat[] {
  return [...formats.values()].filter((each) => holdsHeads(each, state));
}

/** Those that save something beside binary16: what plans choose from. */
export function pricedCacheFormats(state: Heads): string[] {
  return cacheFormats(state)
    .filter((each) => bitsPerWeight(each) <= 16)
    .map(({ name }) => name);
}

function holdsHeads(each: NumberFormat, { headDim }: Heads): boolean {
  return each.encodeBlocks !== undefined && each.gguf !== undefined && fitsRows(each, headDim);
}

/**
 * The format of that name, upper or lower case, when it can hold the rows of a state.
 * @throws UsageError
 */
export function cacheFormat(state: Heads, name: string, subject: string): string {
  const known = formats.get(name.toUpperCase());
  if (known !== undefined && holdsHeads(known, state)) return known.name;
  const usable = cacheFormats(state).map((each) => each.name);
  const why = known === undefined ? 'is not known' : `does not hold heads of ${state.headDim} values`;
  throw new UsageError(`${subject}: ${name} ${why}; expected one of ${usable.join(', ')}`);
}

/** The model with the formats of its cache replaced in all states of a kind, as far as they are given. @throws UsageError */
export function withCacheFormats(model: Model, given: { readonly k?: string; readonly v?: string }): Model {
  const chosen = Object.entries(given).filter(([, name]) => name !== undefined);
  if (chosen.length === 0) return model;
  const cache = new Map(model.cache);
  for (const [kind, name] of chosen) {
    const states = cacheStates(model.graph).filter((state) => state.kind === kind);
    if (states.length === 0) throw new UsageError(`cache ${kind}: the model keeps none; leave its format out`);
    for (const state of states) cache.set(state.name, cacheFormat(state, name, `cache ${kind}`));
  }
  return { ...model, cache };
}

/**
 * Formats by state out of lists, as plans have them.
 * @throws UsageError when there are more or fewer formats than states, or one does not fit
 */
export function cacheOfLists(graph: Graph, lists: CacheLists, subject: string): CacheFormats {
  return new Map(
    kindsOf(graph).flatMap(([kind, states]) => {
      const names = lists[kind] ?? [];
      if (names.length !== states.length)
        throw new UsageError(
          `${subject}: ${names.length} formats of cache ${kind}, the model has ${states.length} blocks with one`,
        );
      return states.map(
        (state, i) => [state.name, cacheFormat(state, names[i], `${subject}: cache ${kind} ${i}`)] as const,
      );
    }),
  );
}

/** The formats of all states as lists. */
export function listsOfCache(graph: Graph, cache: CacheFormats): CacheLists {
  return Object.fromEntries(
    kindsOf(graph).map(([kind, states]) => [kind, states.map(({ name }) => cache.get(name) ?? DEFAULT)]),
  );
}

function kindsOf(graph: Graph): [string, CacheState[]][] {
  return [...Map.groupBy(cacheStates(graph), ({ kind }) => kind)];
}

/** Bytes of a state at a number of tokens. */
export function cacheBytes({ width }: Pick<CacheState, 'width'>, name: string, tokens: number): number {
  const { blockSize, blockBytes } = format(name);
  return tokens * (width / blockSize) * blockBytes;
}

/** Key-values of a GGUF file; their length does not depend on the formats. */
export function cacheMetadata(graph: Graph, cache: CacheFormats): Map<string, TypedMetadata> {
  return new Map(
    Object.entries(listsOfCache(graph, cache)).map(([kind, names]) => [
      `${KEY}${kind}`,
      { type: 'array:uint32', value: names.map((name) => format(name).gguf!.type) },
    ]),
  );
}

/**
 * What a GGUF file says of its cache; undefined when it says nothing.
 * @throws FormatError when it says what no cache can be
 */
export function cacheFromGguf(metadata: ReadonlyMap<string, unknown>, graph: Graph): CacheFormats | undefined {
  const kinds = kindsOf(graph);
  if (kinds.every(([kind]) => !metadata.has(`${KEY}${kind}`))) return undefined;
  const read = ([kind, states]: [string, CacheState[]]): [string, string][] => {
    const key = `${KEY}${kind}`;
    const ids = metadata.get(key);
    if (!Array.isArray(ids) || ids.length !== states.length)
      throw new FormatError(`GGUF: ${key} must list ${states.length} types, one per block with a cache`);
    return states.map((state, i) => {
      const known = typeof ids[i] === 'number' ? formatByGgufType(ids[i]) : undefined;
      if (known === undefined || !holdsHeads(known, state))
        throw new FormatError(`GGUF: ${key} has type ${String(ids[i])}, which no cache of this model can be kept in`);
      return [state.name, known.name];
    });
  };
  return new Map(kinds.flatMap(read));
}

/** Whether a key of a GGUF file speaks of its cache: what is made anew of the file says that for itself. */
export function isCacheKey(key: string): boolean {
  return key.startsWith(KEY);
}
