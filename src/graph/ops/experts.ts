import { FormatError } from '../../core/errors.ts';
import { timesSize } from '../../kernels/program.ts';
import type { Builder, Call, Op, Type, ValueId } from '../types.ts';
import { matrixOf, numberOf, once, requireWidth, shareOf } from './checks.ts';
import { einsumOf, minus, reshaped, shapeIn } from './primitives/algebra.ts';

/*
 * A mixture of experts is ops in a row: route (route.ts) → dispatch → gatherSlots → groupedLinear … → combine. A slot is one of the
 * k choices of one token; between dispatch and combine, rows stand in the order of their experts.
 */

/** Slots in the order of their experts: input ids; outputs order [slots] and offsets [experts + 1] into it. */
export const dispatch: Op = {
  name: 'dispatch',
  primitive: true,
  infer: ([ids], attributes) => [
    { type: 'i32', shape: ids!.shape },
    { type: 'i32', shape: [numberOf(attributes, 'experts') + 1] },
  ],
  lower: ({ inputs: [ids], outputs: [order, offsets], attributes }) => [
    { kernel: 'groupByExpert', operands: [ids!, order, offsets], sizes: {}, attributes },
  ],
  vjp: () => [null],
};

/** Values of a token; a vector has one of each. */
const slotWidth = (x: Type | undefined): number => (x?.shape.length === 1 ? 1 : matrixOf('gatherSlots', x).width);

/** y[i] = x[⌊order[i]/k⌋]: tokens in the order of their experts, [slots, width]. */
export const gatherSlots: Op = {
  name: 'gatherSlots',
  infer: ([x, order]) => [{ type: 'f32', shape: [order!.shape[0], slotWidth(x)] }],
  lower: ({ inputs: [x, order], outputs: [y], attributes }, lowering) => [
    {
      kernel: 'gatherSlots',
      operands: [x!, order!, y],
      sizes: { columns: slotWidth(lowering.typeOf(x!)) },
      attributes,
    },
  ],
  expand: ({ inputs: [x, order], attributes }, build) => {
    const [[tokens, columns = 1], k] = [shapeIn(build, x!), numberOf(attributes, 'k')];
    const slots = einsumOf(build, 'tc->tkc', [reshaped(build, x!, [tokens, columns])], { sizes: { k } });
    return [build.node('gather', [order, reshaped(build, slots, [tokens * k, columns])])];
  },
  vjp: ({ inputs: [x, order], attributes }, [dy], build) => [
    (addend) => shareOf(build, build.node('gatherSlotsBackward', [dy!, order, x], attributes))(addend),
    null,
  ],
};

/** Σ over a token's slots. The third input tells the shape alone. */
export const gatherSlotsBackward: Op = {
  name: 'gatherSlotsBackward',
  infer: ([, , x]) => [{ type: 'f32', shape: x!.shape }],
  lower: ({ inputs: [dy, order], outputs: [dx], attributes }, lowering) => [
    {
      kernel: 'gatherSlotsBackward',
      operands: [dy!, order!, dx],
      sizes: { columns: matrixOf('gatherSlotsBackward', lowering.typeOf(dy!)).width },
      attributes,
    },
  ],
};

/** Rows of every expert times its own matrix: inputs x [slots, k], w [experts·n, k] stacked, offsets [experts + 1]. */
export const groupedLinear: Op = {
  name: 'groupedLinear',
  weight: { input: 1, use: 'grouped' },
  infer: ([x, w, offsets]) => {
    const { rows, width } = matrixOf('groupedLinear', x);
    const [all, k] = w!.shape as number[];
    requireWidth('groupedLinear', 'input', width, k);
    const experts = (offsets!.shape[0] as number) - 1;
    if (all % experts !== 0) throw new FormatError(`groupedLinear: ${all} rows are not those of ${experts} experts`);
    return [{ type: 'f32', shape: [rows, all / experts] }];
  },
  lower: ({ inputs: [x, w, offsets], outputs: [y] }, lowering): Call[] => {
    const tensor = lowering.tensorOf(w!);
    const packed = tensor === undefined ? undefined : lowering.target.packed?.(tensor);
    const bits = tensor === undefined ? undefined : lowering.target.inputBits?.(tensor);
    const [rows, k] = lowering.typeOf(x!).shape;
    const n = lowering.typeOf(y).shape[1];
    const product = (input: number): Call =>
      packed === undefined
        ? { kernel: 'groupedMatmulNT', operands: [input, w!, offsets!, y], sizes: { n, k }, attributes: {} }
        : { kernel: 'groupedPacked', operands: [input, w!, offsets!, y], sizes: {}, attributes: { format: packed } };
    if (bits === undefined || bits >= 16) return [product(x!)];
    const rounded = lowering.scratch('f32', [rows, k]);
    return [{ kernel: 'roundToBits', operands: [x!, rounded], sizes: {}, attributes: { bits } }, product(rounded)];
  },
  expand: ({ inputs: [x, w, offsets] }, build) => {
    const [[rows, k], [all], [ends]] = [x!, w!, offsets!].map((id) => shapeIn(build, id));
    const weights = reshaped(build, w!, [ends - 1, all / (ends - 1), k]);
    return [einsumOf(build, 'er,rk,enk->rn', [ownRows(build, offsets!, rows), x!, weights])];
  },
  vjp: ({ inputs: [x, w, offsets] }, [dy], build) => [
    (addend) => shareOf(build, build.node('groupedTransposed', [dy!, w, offsets]))(addend),
    (addend) => shareOf(build, build.node('groupedWeightGradient', [dy!, x, offsets]))(addend),
    null,
  ],
};

/** 1 where a row is an expert's, else 0: [experts, rows]. */
export function ownRows(build: Builder, offsets: ValueId, rows: number): ValueId {
  const experts = shapeIn(build, offsets)[0] - 1;
  // begun[e, i]: row i is not before expert e; its own is the last that has begun.
  const later = build.constant({ kind: 'band', before: 0, after: null }, [rows + 1, rows]);
  const begun = build.node('gather', [offsets, later]);
  const [from, next] = [0, 1].map((start) =>
    build.node('slice', [begun], { starts: [start, 0], steps: [1, 1], sizes: [experts, rows] }),
  );
  return minus(build, from, next);
}

/** Gradient of `groupedLinear` at its weight [experts·n, k]: each expert's dyᵀ · x over its own rows. */
export const groupedWeightGradient: Op = {
  name: 'groupedWeightGradient',
  infer: ([dy, x, offsets]) => {
    const experts = (offsets!.shape[0] as number) - 1;
    const [n, k] = [dy, x].map((rows) => matrixOf('groupedWeightGradient', rows).width);
    return [{ type: 'f32', shape: [experts * n, k] }];
  },
  lower: ({ inputs: [dy, x, offsets], outputs: [dw] }, lowering) => [
    {
      kernel: 'groupedMatmulTN',
      operands: [dy!, x!, offsets!, dw],
      sizes: { m: lowering.typeOf(dy!).shape[1], n: lowering.typeOf(x!).shape[1] },
      attributes: {},
    },
  ],
};

/** Gradient of `groupedLinear` at its input: dy [slots, n] times every expert's [n, k]. */
export const groupedTransposed: Op = {
  name: 'groupedTransposed',
  infer: ([dy, w]) => [{ type: 'f32', shape: [dy!.shape[0], w!.shape[1]] }],
  lower: ({ inputs: [dy, w, offsets], outputs: [dx] }, lowering) => [
    {
      kernel: 'groupedMatmulNN',
      operands: [dy!, w!, offsets!, dx],
      sizes: { n: lowering.typeOf(dx).shape[1], k: lowering.typeOf(dy!).shape[1] },
      attributes: {},
    },
  ],
};

/** out_t = Σ over a token's slots of y, unweighted: inputs y [slots, width] and order. */
export const sumSlots: Op = {
  name: 'sumSlots',
  infer: ([y, order], attributes) => {
    const [slots] = order!.shape;
    return [{ type: 'f32', shape: [timesSize(slots, 1, numberOf(attributes, 'k')), matrixOf('sumSlots', y).width] }];
  },
  lower: ({ inputs: [y, order], outputs: [out], attributes }, lowering) => [
    {
      kernel: 'gatherSlotsBackward',
      operands: [y!, order!, out],
      sizes: { columns: matrixOf('sumSlots', lowering.typeOf(y!)).width },
      attributes,
    },
  ],
  expand: ({ inputs: [y, order], attributes }, build) => {
    const [[rows, columns], k] = [shapeIn(build, y!), numberOf(attributes, 'k')];
    const slots = reshaped(build, build.node('scatterAdd', [order, y], { rows }), [rows / k, k, columns]);
    return [einsumOf(build, 'tkc->tc', [slots])];
  },
  vjp: ({ inputs: [, order], attributes }, [dOut], build) => [
    (addend) => shareOf(build, build.node('gatherSlots', [dOut!, order], attributes))(addend),
    null,
  ],
};

/** out_t = Σ_j weights[t, j] · y[place of slot t·k + j]: inputs y [slots, width], order, weights. */
export const combine: Op = {
  name: 'combine',
  infer: ([y, order], attributes) => {
    const [slots] = order!.shape;
    return [{ type: 'f32', shape: [timesSize(slots, 1, numberOf(attributes, 'k')), matrixOf('combine', y).width] }];
  },
  lower: ({ inputs: [y, order, weights], outputs: [out], attributes }, lowering) => [
    {
      kernel: 'combine',
      operands: [y!, order!, weights!, out],
      sizes: { columns: matrixOf('combine', lowering.typeOf(y!)).width },
      attributes,
    },
  ],
  expand: ({ inputs: [y, order, weights], attributes }, build) => {
    const [[rows, columns], k] = [shapeIn(build, y!), numberOf(attributes, 'k')];
    const slots = reshaped(build, build.node('scatterAdd', [order, y], { rows }), [rows / k, k, columns]);
    return [einsumOf(build, 'tkc,tk->tc', [slots, reshaped(build, weights!, [rows / k, k])])];
  },
  vjp: (node, [dOut], build) => {
    const gradients = once(() => build.nodes('combineBackward', [...node.inputs, dOut!], node.attributes));
    return [
      (addend) => shareOf(build, gradients()[0])(addend),
      null,
      (addend) => shareOf(build, gradients()[1])(addend),
    ];
  },
};

export const combineBackward: Op = {
  name: 'combineBackward',
  infer: ([y, , weights]) => [
    { type: 'f32', shape: y!.shape },
    { type: 'f32', shape: weights!.shape },
  ],
  lower: ({ inputs: [y, order, weights, dOut], outputs: [dY, dWeights], attributes }, lowering) => [
    {
      kernel: 'combineBackward',
      operands: [y!, order!, weights!, dOut!, dY, dWeights],
      sizes: { columns: matrixOf('combineBackward', lowering.typeOf(y!)).width },
      attributes,
    },
  ],
};

/** y_t = s_t · x_t: inputs x [t, width], s [t, 1]. */
export const scaleRows: Op = {
  name: 'scaleRows',
  infer: ([x]) => [{ type: 'f32', shape: x!.shape }],
  lower: ({ inputs: [x, s], outputs: [y] }) => [
    { kernel: 'scaleRows', operands: [x!, s!, y], sizes: {}, attributes: {} },
  ],
  expand: ({ inputs: [x, s] }, build) => [einsumOf(build, 'tc,tz->tc', [x!, s!])],
  vjp: (node, [dy], build) => {
    const gradients = once(() => build.nodes('scaleRowsBackward', [...node.inputs, dy!]));
    return [0, 1].map((i) => (addend) => shareOf(build, gradients()[i])(addend));
  },
};

export const scaleRowsBackward: Op = {
  name: 'scaleRowsBackward',
  infer: ([x, s]) => [x!, s!].map(({ shape }) => ({ type: 'f32', shape })),
  lower: ({ inputs: [x, s, dy], outputs: [dx, ds] }) => [
    { kernel: 'scaleRowsBackward', operands: [x!, s!, dy!, dx, ds], sizes: {}, attributes: {} },
  ],
};
