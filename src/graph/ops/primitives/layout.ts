import { FormatError } from '../../../core/errors.ts';
import type { Attributes, Op } from '../../types.ts';
import { shareOf } from '../checks.ts';
import { countIn, fixedShape, numbersOf, stridesOf } from './shapes.ts';

/** The same numbers in their order, in another `shape`. */
export const reshape: Op = {
  name: 'reshape',
  primitive: true,
  inPlace: 0,
  infer: ([x], attributes) => {
    const [from, to] = [fixedShape('reshape', x), numbersOf('reshape', attributes, 'shape')];
    if (countIn(from) !== countIn(to))
      throw new FormatError(`reshape: [${from.join(', ')}] has another number of values than [${to.join(', ')}]`);
    return [{ type: x!.type, shape: to }];
  },
  lower: () => [],
  vjp: ({ inputs: [x] }, [dy], build) => [
    (addend) => {
      const shape = fixedShape('reshape', build.typeOf(x!));
      return shareOf(build, build.node('reshape', [dy!], { shape }))(addend);
    },
  ],
};

/** Where numbers of a part lie in the whole. @param shape of the whole @param part its own shape */
function partOf(op: string, shape: readonly number[], part: readonly number[], attributes: Attributes): Attributes {
  const starts = numbersOf(op, attributes, 'starts', shape.length);
  const steps = numbersOf(op, attributes, 'steps', shape.length);
  const ends = part.map((size, axis) => (size === 0 ? 0 : starts[axis] + (size - 1) * steps[axis] + 1));
  if (part.length !== shape.length || ends.some((end, axis) => end > shape[axis]))
    throw new FormatError(`${op}: a part that ends at [${ends.join(', ')}] is not within [${shape.join(', ')}]`);
  const strides = stridesOf(shape);
  return {
    start: starts.reduce((sum, start, axis) => sum + start * strides[axis], 0),
    sizes: part,
    strides: strides.map((stride, axis) => stride * steps[axis]),
  };
}

/** y[i, j, …] = x[starts + steps · (i, j, …)], of shape `sizes`. */
export const slice: Op = {
  name: 'slice',
  primitive: true,
  infer: ([x], attributes) => {
    const shape = fixedShape('slice', x);
    const sizes = numbersOf('slice', attributes, 'sizes', shape.length);
    partOf('slice', shape, sizes, attributes);
    return [{ type: 'f32', shape: sizes }];
  },
  lower: ({ inputs: [x], outputs: [y], attributes }, lowering) => {
    const [whole, part] = [x!, y].map((id) => fixedShape('slice', lowering.typeOf(id)));
    const where = partOf('slice', whole, part, attributes);
    return [{ kernel: 'slice', operands: [x!, y], sizes: {}, attributes: where }];
  },
  vjp: ({ inputs: [x], attributes: { starts, steps } }, [dy], build) => [
    (addend) => {
      const shape = fixedShape('slice', build.typeOf(x!));
      return shareOf(build, build.node('place', [dy!], { starts, steps, shape }))(addend);
    },
  ],
};

/** y[starts + steps · (i, j, …)] = x[i, j, …] among zeros, of `shape`: what `slice` takes, put back. */
export const place: Op = {
  name: 'place',
  primitive: true,
  infer: ([x], attributes) => {
    const part = fixedShape('place', x);
    const shape = numbersOf('place', attributes, 'shape', part.length);
    partOf('place', shape, part, attributes);
    return [{ type: 'f32', shape }];
  },
  lower: ({ inputs: [x], outputs: [y], attributes }, lowering) => {
    const [part, whole] = [x!, y].map((id) => fixedShape('place', lowering.typeOf(id)));
    const where = partOf('place', whole, part, attributes);
    return [{ kernel: 'place', operands: [x!, y], sizes: {}, attributes: where }];
  },
  vjp: ({ inputs: [x], attributes: { starts, steps } }, [dy], build) => [
    (addend) => {
      const sizes = fixedShape('place', build.typeOf(x!));
      return shareOf(build, build.node('slice', [dy!], { starts, steps, sizes }))(addend);
    },
  ],
};
