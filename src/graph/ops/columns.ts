import { FormatError } from '../../core/errors.ts';
import type { Attributes, Op, Type } from '../types.ts';
import { matrixOf, numberOf, shareOf } from './checks.ts';
import { lastSlice } from './primitives/algebra.ts';

/** First column and number of columns, which lie within `width`. */
function part(attributes: Attributes, width: number): { start: number; count: number } {
  const [start, count] = [numberOf(attributes, 'start'), numberOf(attributes, 'count')];
  if (start < 0 || count < 0 || start + count > width)
    throw new FormatError(`columns: columns ${start} to ${start + count} are not within rows of ${width}`);
  return { start, count };
}

const widthOf = (type: Type | undefined): number => matrixOf('columns', type).width;

/** Some columns of every row, from `start` on, `count` of them, where no other part is wanted; all parts are `split`. */
export const columns: Op = {
  name: 'columns',
  infer: ([x], attributes) => {
    const { rows, width } = matrixOf('columns', x);
    return [{ type: 'f32', shape: [rows, part(attributes, width).count] }];
  },
  lower: ({ inputs: [x], outputs: [y], attributes }, lowering) => {
    const group = widthOf(lowering.typeOf(x!));
    const { start, count } = part(attributes, group);
    return [{ kernel: 'takePart', operands: [x!, y], sizes: { group, start, width: count }, attributes: {} }];
  },
  expand: ({ inputs: [x], attributes }, build) => {
    const { start, count } = part(attributes, widthOf(build.typeOf(x!)));
    return [lastSlice(build, x!, start, count)];
  },
  vjp: ({ inputs: [x], attributes }, [dy], build) => {
    const width = widthOf(build.typeOf(x!));
    const { start, count } = part(attributes, width);
    const widths = [start, count, width - start - count];
    return [(addend) => shareOf(build, build.node('join', [null, dy!, null], { widths }))(addend)];
  },
};
