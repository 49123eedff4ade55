import { FormatError } from '../../core/errors.ts';
import type { Op, Type } from '../types.ts';
import { matrixOf, numberOf, shareOf } from './checks.ts';
import { lastPlace, lastSlice } from './primitives/algebra.ts';

/** Type of `count` columns in the place of a value's own. */
function withColumns(op: string, x: Type | undefined, start: number, part: number, whole: number, count: number): Type {
  if (start < 0 || start + part > whole)
    throw new FormatError(`${op}: columns ${start} to ${start + part} are not within ${whole}`);
  return { type: 'f32', shape: [matrixOf(op, x).rows, count] };
}

/** y = x[:, start … start + count − 1]: one of several matrices' outputs, where their rows are one weight. */
export const columns: Op = {
  name: 'columns',
  infer: ([x], attributes) => {
    const [start, count] = ['start', 'count'].map((name) => numberOf(attributes, name));
    return [withColumns('columns', x, start, count, matrixOf('columns', x).width, count)];
  },
  lower: ({ inputs: [x], outputs: [y], attributes }, lowering) => {
    const [whole, part] = [x!, y].map((id) => matrixOf('columns', lowering.typeOf(id)).width);
    return [{ kernel: 'takeColumns', operands: [x!, y], sizes: { whole, part }, attributes }];
  },
  expand: ({ inputs: [x], attributes }, build) => [
    lastSlice(build, x!, numberOf(attributes, 'start'), numberOf(attributes, 'count')),
  ],
  vjp: ({ inputs: [x], attributes: { start } }, [dy], build) => [
    (addend) => {
      const { width } = matrixOf('columns', build.typeOf(x!));
      return shareOf(build, build.node('placeColumns', [dy!], { start, width }))(addend);
    },
  ],
};

/** y[:, start …] = x among zeros, `width` columns in all: the gradient of `columns`. */
export const placeColumns: Op = {
  name: 'placeColumns',
  infer: ([x], attributes) => {
    const [start, width] = ['start', 'width'].map((name) => numberOf(attributes, name));
    return [withColumns('placeColumns', x, start, matrixOf('placeColumns', x).width, width, width)];
  },
  lower: ({ inputs: [x], outputs: [y], attributes }, lowering) => {
    const [part, whole] = [x!, y].map((id) => matrixOf('placeColumns', lowering.typeOf(id)).width);
    return [{ kernel: 'placeColumns', operands: [x!, y], sizes: { whole, part }, attributes }];
  },
  expand: ({ inputs: [x], attributes }, build) => [
    lastPlace(build, x!, numberOf(attributes, 'width'), numberOf(attributes, 'start')),
  ],
  vjp: ({ inputs: [x], attributes: { start } }, [dy], build) => [
    (addend) => {
      const count = matrixOf('placeColumns', build.typeOf(x!)).width;
      return shareOf(build, build.node('columns', [dy!], { start, count }))(addend);
    },
  ],
};
