import { FormatError } from '../../../core/errors.ts';
import type { Op } from '../../types.ts';
import { numberOf, shareOf } from '../checks.ts';
import { countIn, fixedShape } from './shapes.ts';

/** y[i, …] = x[ids[i], …]: inputs ids of any shape, and x [rows, …]. */
export const gather: Op = {
  name: 'gather',
  primitive: true,
  infer: ([ids, x]) => {
    const [, ...rest] = fixedShape('gather', x);
    return [{ type: 'f32', shape: [...fixedShape('gather', ids), ...rest] }];
  },
  lower: ({ inputs: [ids, x], outputs: [y] }, lowering) => [
    {
      kernel: 'gather',
      operands: [ids!, x!, y],
      sizes: { columns: countIn(fixedShape('gather', lowering.typeOf(x!)).slice(1)) },
      attributes: {},
    },
  ],
  vjp: ({ inputs: [ids, x] }, [dy], build) => [
    null,
    (addend) => {
      const [rows] = fixedShape('gather', build.typeOf(x!));
      return shareOf(build, build.node('scatterAdd', [ids, dy!], { rows }))(addend);
    },
  ],
};

/** y[ids[i], …] += x[i, …] on zeros, `rows` of them. Inputs ids, and x, whose shape begins with theirs. */
export const scatterAdd: Op = {
  name: 'scatterAdd',
  primitive: true,
  infer: ([ids, x], attributes) => {
    const [places, shape] = [fixedShape('scatterAdd', ids), fixedShape('scatterAdd', x)];
    if (places.some((size, axis) => size !== shape[axis]))
      throw new FormatError(`scatterAdd: input is [${shape.join(', ')}], expected [${places.join(', ')}, …]`);
    return [{ type: 'f32', shape: [numberOf(attributes, 'rows'), ...shape.slice(places.length)] }];
  },
  lower: ({ inputs: [ids, x], outputs: [y] }, lowering) => {
    const columns = countIn(fixedShape('scatterAdd', lowering.typeOf(y)).slice(1));
    return [{ kernel: 'scatterRows', operands: [ids!, x!, y], sizes: { columns }, attributes: {} }];
  },
  vjp: ({ inputs: [ids] }, [dy], build) => [null, (addend) => shareOf(build, build.node('gather', [ids, dy!]))(addend)],
};
