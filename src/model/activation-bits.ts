import { FormatError } from '../core/errors.ts';
import type { TypedMetadata } from '../text/types.ts';
import { bitsOf, edgeOf, edgeOption, FEWEST, isActivationWidth, UNROUNDED } from './edge-options.ts';
import { isMatrix } from './matrices.ts';
import { sitesOf } from './sites.ts';
import type { Model, Network, Roundings } from './types.ts';

/**
 * How a GGUF file says what the inputs of its matrices are rounded to: bits of every matrix in the file's order, 0 where
 * nothing is. Other runtimes ignore it.
 */
const KEY = 'bitbudget.activation_bits';

export function isActivationKey(key: string): boolean {
  return key === KEY;
}

type Tensors = Pick<Network, 'tensors'>;

function matrixNames({ tensors }: Tensors): string[] {
  return [...tensors.values()].filter(isMatrix).map(({ name }) => name);
}

/** Key-value of a GGUF file, where any edge is named; its length does not depend on the bits. */
export function activationMetadata(network: Tensors, roundings: Roundings): Map<string, TypedMetadata> {
  const options = matrixNames(network).map((name) => roundings.get(edgeOf(name)));
  if (options.every((option) => option === undefined)) return new Map();
  const value = options.map((option) => (option === undefined ? 0 : bitsOf(option, KEY)));
  return new Map([[KEY, { type: 'array:uint32', value }]]);
}

/**
 * What a GGUF file says of its edges; undefined when it says nothing.
 * @throws FormatError when it says what cannot be
 */
export function activationsFromGguf(metadata: ReadonlyMap<string, unknown>, network: Tensors): Roundings | undefined {
  if (!metadata.has(KEY)) return undefined;
  const bits = metadata.get(KEY);
  const names = matrixNames(network);
  if (!Array.isArray(bits) || bits.length !== names.length)
    throw new FormatError(`GGUF: ${KEY} must list ${names.length} numbers, one per matrix`);
  for (const each of bits)
    if (each !== 0 && !isActivationWidth(each))
      throw new FormatError(`GGUF: ${KEY} has ${String(each)} bits, expected ${FEWEST} to ${UNROUNDED}, or 0`);
  return new Map(names.flatMap((name, i) => (bits[i] > 0 ? [[edgeOf(name), edgeOption(bits[i])]] : [])));
}

/** The model with all edges rounded to the same bits. */
export function withActivationBits(model: Model, bits: number | undefined): Model {
  if (bits === undefined) return model;
  const edges = sitesOf(model).filter(({ kind }) => kind === 'edge');
  return {
    ...model,
    roundings: new Map([...(model.roundings ?? []), ...edges.map(({ id }) => [id, edgeOption(bits)] as const)]),
  };
}
