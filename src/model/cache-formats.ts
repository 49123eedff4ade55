import { FormatError, UsageError } from '../core/errors.ts';
import { type CacheState, cacheStates } from '../graph/states.ts';
import { bitsPerWeight, fitsRows, format, formatByGgufType, formats } from '../numeric/table.ts';
import type { NumberFormat } from '../numeric/types.ts';
import type { TypedMetadata } from '../text/types.ts';
import type { Model, Network, Roundings } from './types.ts';

/*
 * Which number formats states can be kept in, and how a GGUF file says so: `bitbudget.cache_k` and `bitbudget.cache_v` hold
 * one ggml_type id for each state of the kind, in the order of the graph. Other runtimes ignore them; llama.cpp takes one
 * type for all keys and one for all values on its command line.
 */
const KEY = 'bitbudget.cache_';

/** What llama.cpp's `-ctk` and `-ctv` take. @see llama.cpp common/arg.cpp, kv_cache_types */
const LLAMA_CPP = ['F32', 'F16', 'BF16', 'Q8_0', 'Q5_1', 'Q5_0', 'Q4_1', 'Q4_0', 'IQ4_NL'];

export function isLlamaCppCache(name: string): boolean {
  return LLAMA_CPP.includes(name);
}

/** States of which nothing is said. */
const DEFAULT = 'F32';

/** Formats whose blocks do not straddle heads, fewest bits last. @param span values of a head */
export function cacheFormats(span: number): NumberFormat[] {
  return [...formats.values()].filter((each) => holdsHeads(each, span));
}

/** Those that save something beside binary16: what plans choose from. */
export function pricedCacheFormats(span: number): string[] {
  return cacheFormats(span)
    .filter((each) => bitsPerWeight(each) <= 16)
    .map(({ name }) => name);
}

function holdsHeads(each: NumberFormat, span: number): boolean {
  return each.encodeBlocks !== undefined && each.gguf !== undefined && fitsRows(each, span);
}

/**
 * The format of that name, upper or lower case, when it can hold heads of so many values.
 * @throws UsageError
 */
export function cacheFormat(span: number, name: string, subject: string): string {
  const known = formats.get(name.toUpperCase());
  if (known !== undefined && holdsHeads(known, span)) return known.name;
  const usable = cacheFormats(span).map((each) => each.name);
  const why = known === undefined ? 'is not known' : `does not hold heads of ${span} values`;
  throw new UsageError(`${subject}: ${name} ${why}; expected one of ${usable.join(', ')}`);
}

/** The model with the formats of all states of a kind replaced, as far as they are given. @throws UsageError */
export function withCacheFormats(model: Model, given: { readonly k?: string; readonly v?: string }): Model {
  const chosen = Object.entries(given).filter(([, name]) => name !== undefined);
  if (chosen.length === 0) return model;
  const roundings = new Map(model.roundings);
  for (const [kind, name] of chosen) {
    const states = cacheStates(model.graph).filter((state) => state.kind === kind);
    if (states.length === 0) throw new UsageError(`cache ${kind}: the model keeps none; leave its format out`);
    for (const state of states) roundings.set(state.name, cacheFormat(state.headDim, name, `cache ${kind}`));
  }
  return { ...model, roundings };
}

/** Bytes of a state at a number of tokens. @param width values of a row */
export function cacheBytes(width: number, name: string, tokens: number): number {
  const { blockSize, blockBytes } = format(name);
  return tokens * (width / blockSize) * blockBytes;
}

function kindsOf({ graph }: Pick<Network, 'graph'>): [string, CacheState[]][] {
  return [...Map.groupBy(cacheStates(graph), ({ kind }) => kind)];
}

/** Key-values of a GGUF file, where any state is named; their length does not depend on the formats. */
export function cacheMetadata(network: Pick<Network, 'graph'>, roundings: Roundings): Map<string, TypedMetadata> {
  const kinds = kindsOf(network);
  if (!kinds.some(([, states]) => states.some(({ name }) => roundings.has(name)))) return new Map();
  const typeOf = ({ name }: CacheState): number => format(roundings.get(name) ?? DEFAULT).gguf!.type;
  return new Map(kinds.map(([kind, states]) => [`${KEY}${kind}`, { type: 'array:uint32', value: states.map(typeOf) }]));
}

/**
 * What a GGUF file says of its states; undefined when it says nothing.
 * @throws FormatError when it says what no cache can be
 */
export function cacheFromGguf(
  metadata: ReadonlyMap<string, unknown>,
  network: Pick<Network, 'graph'>,
): Roundings | undefined {
  const kinds = kindsOf(network);
  if (kinds.every(([kind]) => !metadata.has(`${KEY}${kind}`))) return undefined;
  const read = ([kind, states]: [string, CacheState[]]): [string, string][] => {
    const key = `${KEY}${kind}`;
    const ids = metadata.get(key);
    if (!Array.isArray(ids) || ids.length !== states.length)
      throw new FormatError(`GGUF: ${key} must list ${states.length} types, one per block with a cache`);
    return states.map(({ name, headDim }, i) => {
      const known = typeof ids[i] === 'number' ? formatByGgufType(ids[i]) : undefined;
      if (known === undefined || !holdsHeads(known, headDim))
        throw new FormatError(`GGUF: ${key} has type ${String(ids[i])}, which no cache of this model can be kept in`);
      return [name, known.name];
    });
  };
  return new Map(kinds.flatMap(read));
}

export function isCacheKey(key: string): boolean {
  return key.startsWith(KEY);
}
