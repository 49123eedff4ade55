import type { Call, Op } from '../types.ts';
import { matrixOf, requireWidth, shareOf } from './checks.ts';
import { einsumOf, plus } from './primitives/algebra.ts';

/**
 * y[t, n] = x[t, k] · w[n, k]ᵀ. Inputs are rounded before where the target says so; a weight in blocks of a number
 * format is multiplied from its blocks.
 */
export const linear: Op = {
  name: 'linear',
  weight: { input: 1, use: 'linear' },
  infer: ([x, w]) => {
    const { rows, width } = matrixOf('linear', x);
    const [n, k] = w?.shape ?? [];
    requireWidth('linear', 'input', width, k as number);
    return [{ type: 'f32', shape: [rows, n] }];
  },
  lower: ({ inputs: [x, w], outputs: [y] }, lowering) => {
    const [m, k] = lowering.typeOf(x!).shape;
    const [n] = lowering.typeOf(w!).shape;
    const tensor = lowering.tensorOf(w!);
    const bits = tensor === undefined ? undefined : lowering.target.inputBits?.(tensor);
    const packed = tensor === undefined ? undefined : lowering.target.packed?.(tensor);
    const product = (input: number): Call => ({
      kernel: packed === undefined ? 'matmulNT' : 'matmulPacked',
      operands: [input, w!, y],
      sizes: { m, n, k },
      attributes: packed === undefined ? {} : { format: packed },
    });
    if (bits === undefined || bits >= 16) return [product(x!)];
    const rounded = lowering.scratch('f32', [m, k]);
    return [{ kernel: 'roundToBits', operands: [x!, rounded], sizes: {}, attributes: { bits } }, product(rounded)];
  },
  expand: ({ inputs: [x, w] }, build) => [einsumOf(build, 'tk,nk->tn', [x!, w!])],
  vjp: ({ inputs: [x, w] }, [dy], build) => [
    (addend) => build.node('linearTransposed', [addend ?? null, dy!, w]),
    (addend) => build.node('linearWeightGradient', [addend ?? null, dy!, x]),
  ],
};

/** dx[t, k] = dy[t, n] · w[n, k], added to `addend` where there is one: the gradient of `linear` at its input. */
export const linearTransposed: Op = {
  name: 'linearTransposed',
  inPlace: 0,
  weight: { input: 2, use: 'linear' },
  infer: ([, dy, w]) => {
    const { rows, width } = matrixOf('linearTransposed', dy);
    const [n, k] = w?.shape ?? [];
    requireWidth('linearTransposed', 'gradient', width, n as number);
    return [{ type: 'f32', shape: [rows, k] }];
  },
  lower: ({ inputs: [addend, dy, w], outputs: [dx] }, lowering) => {
    const [m, k] = lowering.typeOf(dy!).shape;
    const [, n] = lowering.typeOf(w!).shape;
    return [
      { kernel: 'matmulNN', operands: [dy!, w!, dx], sizes: { m, n, k }, attributes: { accumulate: addend !== null } },
    ];
  },
  expand: ({ inputs: [addend, dy, w] }, build) => {
    const product = einsumOf(build, 'tn,nk->tk', [dy!, w!]);
    return [addend === null ? product : plus(build, product, addend)];
  },
  vjp: ({ inputs: [addend, dy, w] }, [g], build) => [
    addend === null ? null : (rest) => (rest === undefined ? g! : build.node('add', [rest, g!])),
    (rest) => {
      const product = build.node('linear', [g!, w]);
      return rest === undefined ? product : build.node('add', [product, rest]);
    },
    (rest) => build.node('linearWeightGradient', [rest ?? null, dy!, g!]),
  ],
};

/** dw[n, k] = dy[t, n]ᵀ · x[t, k], added to `addend` where there is one. */
export const linearWeightGradient: Op = {
  name: 'linearWeightGradient',
  inPlace: 0,
  infer: ([, dy, x]) => [
    { type: 'f32', shape: [matrixOf('linearWeightGradient', dy).width, matrixOf('linearWeightGradient', x).width] },
  ],
  lower: ({ inputs: [addend, dy, x], outputs: [dw] }, lowering) => {
    const [k, m] = lowering.typeOf(dy!).shape;
    const [, n] = lowering.typeOf(x!).shape;
    return [
      { kernel: 'matmulTN', operands: [dy!, x!, dw], sizes: { m, n, k }, attributes: { accumulate: addend !== null } },
    ];
  },
  expand: ({ inputs: [addend, dy, x] }, build) => {
    const product = einsumOf(build, 'tn,tk->nk', [dy!, x!]);
    return [addend === null ? product : plus(build, product, addend)];
  },
  vjp: ({ inputs: [addend, dy, x] }, [g], build) => [
    addend === null ? null : (rest) => (rest === undefined ? g! : build.node('add', [rest, g!])),
    (rest) => shareOf(build, build.node('linear', [x, g!]))(rest),
    (rest) => build.node('linearTransposed', [rest ?? null, dy!, g!]),
  ],
};
