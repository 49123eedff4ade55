import { FormatError } from '../../../core/errors.ts';
import type { Attributes, Type } from '../../types.ts';
import { told } from '../checks.ts';

/** A shape of numbers. @throws FormatError where a symbol is not bound: primitives are of one size */
export function fixedShape(op: string, type: Type | undefined): readonly number[] {
  const shape = type?.shape ?? [];
  if (type === undefined || shape.some((size) => typeof size !== 'number'))
    throw new FormatError(`${op}: input is [${told(shape)}], expected numbers: expand binds the symbols`);
  return shape as readonly number[];
}

export const countIn = (shape: readonly number[]): number => shape.reduce((product, size) => product * size, 1);

/** How far apart neighbours along each axis lie, the last axis without gaps. */
export function stridesOf(shape: readonly number[]): number[] {
  return shape.map((_, axis) => countIn(shape.slice(axis + 1)));
}

/** A list of numbers among attributes. @throws FormatError when it is none or has another length */
export function numbersOf(op: string, attributes: Attributes, name: string, length?: number): readonly number[] {
  const list = attributes[name];
  const fits = Array.isArray(list) && list.every((item) => Number.isInteger(item) && item >= 0);
  if (!fits || (length !== undefined && list.length !== length))
    throw new FormatError(
      `${op}: ${name} is ${JSON.stringify(list)}, expected ${length ?? 'a list of'} whole numbers from 0`,
    );
  return list as readonly number[];
}
