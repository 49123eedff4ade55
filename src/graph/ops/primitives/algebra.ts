import type { Attributes, Builder, ValueId } from '../../types.ts';
import { countIn, fixedShape } from './shapes.ts';

/*
 * Words for what primitives say together, for `expand` and `vjp`. Shapes are numbers here.
 */

const ALPHABET = 'abcdefghijklmnopqrstuvwxyz';

export const shapeIn = (build: Builder, x: ValueId): readonly number[] => fixedShape('graph', build.typeOf(x));

/** Letters of a shape's axes. */
const axes = (build: Builder, x: ValueId): string => ALPHABET.slice(0, shapeIn(build, x).length);

export function einsumOf(
  build: Builder,
  subscripts: string,
  inputs: readonly ValueId[],
  more: Attributes = {},
): ValueId {
  return build.node('einsum', inputs, { subscripts, ...more });
}

/** Element by element: factor · Π inputs, all of one shape. */
export function times(build: Builder, inputs: readonly ValueId[], factor = 1): ValueId {
  const letters = axes(build, inputs[0]);
  return einsumOf(build, `${inputs.map(() => letters).join(',')}->${letters}`, inputs, { factor });
}

export function plus(build: Builder, a: ValueId, b: ValueId): ValueId {
  return build.node('add', [a, b]);
}

export function minus(build: Builder, a: ValueId, b: ValueId): ValueId {
  return plus(build, a, times(build, [b], -1));
}

/** One number, in the shape of a value. */
export function filledLike(build: Builder, x: ValueId, value: number): ValueId {
  return build.constant({ kind: 'fill', value }, shapeIn(build, x));
}

/** x + one number. */
export function shifted(build: Builder, x: ValueId, by: number): ValueId {
  return plus(build, x, filledLike(build, x, by));
}

export function powerOf(build: Builder, x: ValueId, exponent: number): ValueId {
  return build.node('power', [x], { exponent });
}

export function reshaped(build: Builder, x: ValueId, shape: readonly number[]): ValueId {
  return build.node('reshape', [x], { shape });
}

/** [...] → [..., n], the same n times. */
export function repeatedLast(build: Builder, x: ValueId, n: number): ValueId {
  const letters = axes(build, x);
  return einsumOf(build, `${letters}->${letters}z`, [x], { sizes: { z: n } });
}

/** [columns] → [rows, columns]. */
export function onRows(build: Builder, x: ValueId, rows: number): ValueId {
  return einsumOf(build, 'c->tc', [x], { sizes: { t: rows } });
}

/** exp(x) / Σ exp(x) over the last axis. */
export function softmax(build: Builder, x: ValueId): ValueId {
  const n = shapeIn(build, x).at(-1)!;
  const highest = repeatedLast(build, build.node('maximum', [x]), n);
  const weights = build.node('exp', [minus(build, x, highest)]);
  const letters = axes(build, x);
  const sums = einsumOf(build, `${letters}->${letters.slice(0, -1)}`, [weights]);
  return einsumOf(build, `${letters},${letters.slice(0, -1)}->${letters}`, [weights, powerOf(build, sums, -1)]);
}

/** (1 + tanh(x/2)) / 2, which overflows nowhere. */
export function sigmoid(build: Builder, x: ValueId): ValueId {
  return times(build, [shifted(build, build.node('tanh', [times(build, [x], 0.5)]), 1)], 0.5);
}

/** Part of the last axis: every `step`-th from `start`, `size` of them. */
export function lastSlice(build: Builder, x: ValueId, start: number, size: number, step = 1): ValueId {
  const shape = shapeIn(build, x);
  return build.node('slice', [x], {
    starts: [...shape.slice(1).map(() => 0), start],
    sizes: [...shape.slice(0, -1), size],
    steps: [...shape.slice(1).map(() => 1), step],
  });
}

/** Where `lastSlice` takes from, zeros elsewhere. @param width of the last axis */
export function lastPlace(build: Builder, x: ValueId, width: number, start: number, step = 1): ValueId {
  const shape = shapeIn(build, x);
  return build.node('place', [x], {
    starts: [...shape.slice(1).map(() => 0), start],
    shape: [...shape.slice(0, -1), width],
    steps: [...shape.slice(1).map(() => 1), step],
  });
}

/** Σ of values of one shape, in their order. */
export function sumOf(build: Builder, parts: readonly ValueId[]): ValueId {
  return parts.reduce((sum, part) => plus(build, sum, part));
}

export const rowsIn = (shape: readonly number[]): number => countIn(shape.slice(0, -1));
