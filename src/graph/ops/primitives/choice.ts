import { FormatError } from '../../../core/errors.ts';
import type { Op } from '../../types.ts';
import { numberOf, requireSame, shareOf } from '../checks.ts';
import { einsumOf, filledLike, minus, powerOf, repeatedLast } from './algebra.ts';
import { fixedShape } from './shapes.ts';

/** a where the condition is above 0, else b; all of one shape. */
export const where: Op = {
  name: 'where',
  primitive: true,
  infer: ([condition, a, b]) => {
    requireSame('where', condition, a);
    requireSame('where', a, b);
    return [{ type: 'f32', shape: a!.shape }];
  },
  lower: ({ inputs, outputs: [y] }) => [
    { kernel: 'where', operands: [...inputs.map((id) => id!), y], sizes: {}, attributes: {} },
  ],
  vjp: ({ inputs: [condition] }, [dy], build) => {
    const zero = filledLike(build, dy!, 0);
    return [
      null,
      (addend) => shareOf(build, build.node('where', [condition, dy!, zero]))(addend),
      (addend) => shareOf(build, build.node('where', [condition, zero, dy!]))(addend),
    ];
  },
};

/**
 * Indices of the k largest of each row, largest first, of equal ones the lower first, NaN last: [rows, n] → i32 [rows · k].
 * A choice has no gradient.
 */
export const topK: Op = {
  name: 'topK',
  primitive: true,
  infer: ([x], attributes) => {
    const [k, [rows, n]] = [numberOf(attributes, 'k'), fixedShape('topK', x)];
    if (k > n) throw new FormatError(`topK: k is ${k}, more than the ${n} numbers of a row`);
    return [{ type: 'i32', shape: [rows * k] }];
  },
  lower: ({ inputs: [x], outputs: [ids], attributes }, lowering) => [
    {
      kernel: 'topK',
      operands: [x!, ids],
      sizes: { n: fixedShape('topK', lowering.typeOf(x!))[1], k: numberOf(attributes, 'k') },
      attributes: {},
    },
  ],
  vjp: () => [null],
};

/** The largest along the last axis: [..., n] → [...]. Equal ones share its gradient. */
export const maximum: Op = {
  name: 'maximum',
  primitive: true,
  infer: ([x]) => {
    const shape = fixedShape('maximum', x);
    if (shape.length === 0 || (shape.at(-1) === 0 && !shape.slice(0, -1).includes(0)))
      throw new FormatError(`maximum: input is [${shape.join(', ')}], expected numbers along its last axis`);
    return [{ type: 'f32', shape: shape.slice(0, -1) }];
  },
  lower: ({ inputs: [x], outputs: [y] }, lowering) => [
    {
      kernel: 'maximum',
      operands: [x!, y],
      sizes: { n: fixedShape('maximum', lowering.typeOf(x!)).at(-1)! },
      attributes: {},
    },
  ],
  vjp: ({ inputs: [x], outputs: [y] }, [dy], build) => [
    (addend) => {
      const shape = fixedShape('maximum', build.typeOf(x!));
      const below = minus(build, repeatedLast(build, y, shape.at(-1)!), x!);
      const isLargest = build.node('where', [below, filledLike(build, x!, 0), filledLike(build, x!, 1)]);
      const outer = 'abcdefghijklmnopqrstuvwxy'.slice(0, shape.length - 1);
      const count = einsumOf(build, `${outer}z->${outer}`, [isLargest]);
      const inputs = [isLargest, dy!, powerOf(build, count, -1)];
      return shareOf(build, einsumOf(build, `${outer}z,${outer},${outer}->${outer}z`, inputs))(addend);
    },
  ],
};
