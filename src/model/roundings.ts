import type { TypedMetadata } from '../text/types.ts';
import { activationMetadata, activationsFromGguf, isActivationKey } from './activation-bits.ts';
import { cacheFromGguf, cacheMetadata, isCacheKey } from './cache-formats.ts';
import type { Network, Roundings } from './types.ts';

/*
 * What a GGUF file says of edges and states: keys of this program, which other runtimes ignore.
 */

type Source = Pick<Network, 'graph' | 'tensors'>;

/** Key-values of a GGUF file: of every kind of site that is named, in the same number of bytes whatever the options are. */
export function roundingMetadata(network: Source, roundings: Roundings): Map<string, TypedMetadata> {
  return new Map([...cacheMetadata(network, roundings), ...activationMetadata(network, roundings)]);
}

/**
 * What a GGUF file says of what it rounds while it runs; undefined when it says nothing.
 * @throws FormatError when it says what cannot be
 */
export function roundingsFromGguf(metadata: ReadonlyMap<string, unknown>, network: Source): Roundings | undefined {
  const found = [cacheFromGguf(metadata, network), activationsFromGguf(metadata, network)];
  if (found.every((each) => each === undefined)) return undefined;
  return new Map(found.flatMap((each) => [...(each ?? [])]));
}

/** Whether a key of a GGUF file speaks of roundings: what is made anew of the file says that for itself. */
export function isRoundingKey(key: string): boolean {
  return isCacheKey(key) || isActivationKey(key);
}
