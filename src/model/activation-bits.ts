import { FormatError, UsageError } from '../core/errors.ts';
import type { TypedMetadata } from '../text/types.ts';
import { isMatrix } from './matrices.ts';
import type { Model, ModelTensor } from './types.ts';

/** Fewest bits that activations are rounded to: 2 bits and less leave hardly a sign. */
const FEWEST = 3;
/** From here on nothing is rounded. */
export const UNROUNDED = 16;

/**
 * How a GGUF file says what the inputs of its matrices are rounded to: bits of every matrix in the file's order, 0 where
 * nothing is. Other runtimes ignore it.
 */
const KEY = 'bitbudget.activation_bits';

export function isActivationKey(key: string): boolean {
  return key === KEY;
}

export function isActivationWidth(bits: unknown): bits is number {
  return Number.isInteger(bits) && (bits as number) >= FEWEST && (bits as number) <= UNROUNDED;
}

type Tensors = ReadonlyMap<string, ModelTensor>;

function matrixNames(tensors: Tensors): string[] {
  return [...tensors.values()].filter(isMatrix).map(({ name }) => name);
}

/** Key-value of a GGUF file; its length does not depend on the bits. */
export function activationMetadata(tensors: Tensors, bits: ReadonlyMap<string, number>): Map<string, TypedMetadata> {
  return new Map([[KEY, { type: 'array:uint32', value: matrixNames(tensors).map((name) => bits.get(name) ?? 0) }]]);
}

/**
 * What a GGUF file says of its activations; undefined when it says nothing.
 * @throws FormatError when it says what cannot be
 */
export function activationsFromGguf(
  metadata: ReadonlyMap<string, unknown>,
  tensors: Tensors,
): ReadonlyMap<string, number> | undefined {
  if (!metadata.has(KEY)) return undefined;
  const bits = metadata.get(KEY);
  const names = matrixNames(tensors);
  if (!Array.isArray(bits) || bits.length !== names.length)
    throw new FormatError(`GGUF: ${KEY} must list ${names.length} numbers, one per matrix`);
  for (const each of bits)
    if (each !== 0 && !isActivationWidth(each))
      throw new FormatError(`GGUF: ${KEY} has ${String(each)} bits, expected ${FEWEST} to ${UNROUNDED}, or 0`);
  return new Map(names.map((name, i) => [name, bits[i] as number] as const).filter(([, each]) => each > 0));
}

/** The model with the inputs of every matrix rounded to the same bits; of the embedding only where it is the head too. */
export function withActivationBits(model: Model, bits: number | undefined): Model {
  if (bits === undefined) return model;
  const names = matrixNames(model.tensors).filter((name) => model.config.tied || name !== 'token_embd.weight');
  return { ...model, activations: new Map(names.map((name) => [name, bits])) };
}

/** @throws UsageError when a plan names what is no matrix of the model, or impossible bits */
export function checkActivations(model: Model, bits: Readonly<Record<string, number>>, subject: string): void {
  const names = new Set(matrixNames(model.tensors));
  for (const [name, each] of Object.entries(bits)) {
    if (!names.has(name)) throw new UsageError(`${subject}: activations of ${name}, which is no matrix of the model`);
    if (!isActivationWidth(each))
      throw new UsageError(
        `${subject}: activations of ${name} at ${String(each)} bits, expected ${FEWEST} to ${UNROUNDED}`,
      );
  }
}
