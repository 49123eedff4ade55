import type { Attributes, Op } from '../types.ts';
import { matrixOf, shareOf } from './checks.ts';

/** y[i] = w[ids[i]]: rows of a table, looked up. */
export const lookup: Op = {
  name: 'lookup',
  weight: { input: 1, use: 'lookup' },
  infer: ([ids, w]) => [{ type: 'f32', shape: [ids!.shape[0], w!.shape[1]] }],
  lower: ({ inputs: [ids, w], outputs: [y] }, lowering) => {
    const tensor = lowering.tensorOf(w!);
    const packed = tensor === undefined ? undefined : lowering.target.packed?.(tensor);
    const attributes: Attributes = packed === undefined ? {} : { format: packed };
    const columns = lowering.typeOf(y).shape[1];
    return [{ kernel: 'gatherRows', operands: [ids!, w!, y], sizes: { columns }, attributes }];
  },
  expand: ({ inputs }, build) => [build.node('gather', inputs)],
  vjp: ({ inputs: [ids, w] }, [dy], build) => [
    null,
    (addend) => {
      const [rows, columns] = build.typeOf(w!).shape;
      return shareOf(
        build,
        build.node('scatterRows', [ids, dy!], { rows: rows as number, columns: columns as number }),
      )(addend);
    },
  ],
};

/** y[i] = x[wanted[i]]: the rows whose outputs are asked for. */
export const select: Op = {
  name: 'select',
  infer: ([x, wanted]) => [{ type: 'f32', shape: [wanted!.shape[0], matrixOf('select', x).width] }],
  lower: ({ inputs: [x, wanted], outputs: [y] }, lowering) => [
    {
      kernel: 'gatherRows',
      operands: [wanted!, x!, y],
      sizes: { columns: lowering.typeOf(y).shape[1] },
      attributes: {},
    },
  ],
  expand: ({ inputs: [x, wanted] }, build) => [build.node('gather', [wanted, x])],
};

/** y[ids[i]] += x[i] on zeros: the gradient of `lookup` at its table. */
export const scatterRows: Op = {
  name: 'scatterRows',
  infer: (_, { rows, columns }) => [{ type: 'f32', shape: [rows as number, columns as number] }],
  lower: ({ inputs: [ids, x], outputs: [y] }, lowering) => [
    {
      kernel: 'scatterRows',
      operands: [ids!, x!, y],
      sizes: { columns: lowering.typeOf(x!).shape[1] },
      attributes: {},
    },
  ],
  expand: ({ inputs, attributes: { rows } }, build) => [build.node('scatterAdd', inputs, { rows })],
};
