import { FormatError } from '../../core/errors.ts';
import type { Builder, Op, ValueId } from '../types.ts';
import { numberOf, once, requireSame, shareOf, textOf } from './checks.ts';
import { einsumOf, filledLike, onRows, plus, shapeIn, shifted, sigmoid, times } from './primitives/algebra.ts';

/** a + b, into the memory of a. */
export const add: Op = {
  name: 'add',
  primitive: true,
  inPlace: 0,
  infer: ([a, b]) => {
    requireSame('add', a, b);
    return [{ type: 'f32', shape: a!.shape }];
  },
  lower: ({ inputs: [, b], outputs: [y] }) => [{ kernel: 'add', operands: [y, b!], sizes: {}, attributes: {} }],
  vjp: (_, [dy], build) => [shareOf(build, dy!), shareOf(build, dy!)],
};

/** x + bias, the same for every row. */
export const addBias: Op = {
  name: 'addBias',
  inPlace: 0,
  infer: ([x]) => [{ type: 'f32', shape: x!.shape }],
  lower: ({ inputs: [, bias], outputs: [y] }) => [
    { kernel: 'addBias', operands: [y, bias!], sizes: {}, attributes: {} },
  ],
  expand: ({ inputs: [x, bias] }, build) => [plus(build, x!, onRows(build, bias!, shapeIn(build, x!)[0]))],
  vjp: (_, [dy], build) => [shareOf(build, dy!), (addend) => shareOf(build, build.node('sumRows', [dy!]))(addend)],
};

/** Σ over rows: the gradient of a bias. */
export const sumRows: Op = {
  name: 'sumRows',
  infer: ([x]) => [{ type: 'f32', shape: [x!.shape[1]] }],
  lower: ({ inputs: [x], outputs: [y] }) => [{ kernel: 'sumRows', operands: [x!, y], sizes: {}, attributes: {} }],
  expand: ({ inputs: [x] }, build) => [einsumOf(build, 'tc->c', [x!])],
};

/** x · factor. */
export const scale: Op = {
  name: 'scale',
  inPlace: 0,
  infer: ([x], attributes) => {
    numberOf(attributes, 'factor');
    return [{ type: 'f32', shape: x!.shape }];
  },
  lower: ({ outputs: [y], attributes: { factor } }) => [
    { kernel: 'scale', operands: [y], sizes: {}, attributes: { factor } },
  ],
  // Kernels multiply with a factor in float32.
  expand: ({ inputs: [x], attributes }, build) => [times(build, [x!], Math.fround(numberOf(attributes, 'factor')))],
  vjp: (node, [dy], build) => [(addend) => shareOf(build, build.node('scale', [dy!], node.attributes))(addend)],
};

/** a · b, number by number. */
export const multiply: Op = {
  name: 'multiply',
  infer: ([a, b]) => {
    requireSame('multiply', a, b);
    return [{ type: 'f32', shape: a!.shape }];
  },
  lower: ({ inputs: [a, b], outputs: [y] }) => [
    { kernel: 'multiply', operands: [a!, b!, y], sizes: {}, attributes: {} },
  ],
  expand: ({ inputs: [a, b] }, build) => [times(build, [a!, b!])],
  vjp: ({ inputs: [a, b] }, [dy], build) =>
    [b, a].map((other) => (addend) => shareOf(build, build.node('multiply', [dy!, other]))(addend)),
};

/**
 * activation(gate) · up. `activation`: `silu` | `gelu` (tanh form) | `geluErf`, or `clamped`: g·σ(1.702·g)·(u + 1), g = min(gate, 7),
 * u = up between −7 and 7. @see Shazeer, "GLU variants improve transformer" (2020); OpenAI, gpt-oss (2025)
 */
export const gated: Op = {
  name: 'gated',
  infer: ([gate, up], attributes) => {
    textOf(attributes, 'activation');
    requireSame('gated', gate, up);
    return [{ type: 'f32', shape: gate!.shape }];
  },
  lower: ({ inputs: [gate, up], outputs: [y], attributes: { activation } }) => [
    { kernel: 'gated', operands: [gate!, up!, y], sizes: {}, attributes: { activation } },
  ],
  expand: ({ inputs: [gate, up], attributes }, build) => {
    const activation = textOf(attributes, 'activation');
    if (activation === 'clamped') return [clamped(build, gate!, up!)];
    return [times(build, [activated(build, activation, gate!), up!])];
  },
  vjp: (node, [dy], build) => {
    const gradients = once(() => build.nodes('gatedBackward', [...node.inputs, dy!], node.attributes));
    return [0, 1].map((i) => (addend) => shareOf(build, gradients()[i])(addend));
  },
};

/** d gate and d up. */
export const gatedBackward: Op = {
  name: 'gatedBackward',
  infer: ([gate, up]) => [gate!, up!].map(({ shape }) => ({ type: 'f32', shape })),
  lower: ({ inputs, outputs, attributes: { activation } }) => [
    {
      kernel: 'gatedBackward',
      operands: [...inputs.map((id) => id!), ...outputs],
      sizes: {},
      attributes: { activation },
    },
  ],
};

/** activation(x): `silu` | `gelu` (tanh form) | `geluErf` | `relu` | `sigmoid` | `tanh` | `relu2` | `softplus`. */
export const activate: Op = {
  name: 'activate',
  infer: ([x], attributes) => {
    textOf(attributes, 'activation');
    return [{ type: 'f32', shape: x!.shape }];
  },
  lower: ({ inputs: [x], outputs: [y], attributes: { activation } }) => [
    { kernel: 'activate', operands: [x!, y], sizes: {}, attributes: { activation } },
  ],
  expand: ({ inputs: [x], attributes }, build) => [activated(build, textOf(attributes, 'activation'), x!)],
  vjp: (node, [dy], build) => [
    (addend) => shareOf(build, build.node('activateBackward', [node.inputs[0], dy!], node.attributes))(addend),
  ],
};

export const activateBackward: Op = {
  name: 'activateBackward',
  infer: ([x]) => [{ type: 'f32', shape: x!.shape }],
  lower: ({ inputs: [x, dy], outputs: [dx], attributes: { activation } }) => [
    { kernel: 'activateBackward', operands: [x!, dy!, dx], sizes: {}, attributes: { activation } },
  ],
};

/** activation(x) in primitives. @throws FormatError for one that is not known */
function activated(build: Builder, activation: string, x: ValueId): ValueId {
  switch (activation) {
    case 'silu':
      return times(build, [x, sigmoid(build, x)]);
    case 'gelu':
      return times(build, [x, shifted(build, build.node('tanh', [geluArgument(build, x)]), 1)], 0.5);
    case 'geluErf':
      return times(build, [x, shifted(build, build.node('erf', [times(build, [x], Math.SQRT1_2)]), 1)], 0.5);
    case 'relu':
      return positive(build, x);
    case 'sigmoid':
      return sigmoid(build, x);
    case 'tanh':
      return build.node('tanh', [x]);
    case 'relu2':
      return times(build, [x, positive(build, x)]);
    case 'softplus':
      return softplus(build, x);
    default:
      throw new FormatError(
        `activation ${activation} is not known, expected silu, gelu, geluErf, relu, sigmoid, tanh, relu2 or softplus`,
      );
  }
}

/** Of the clamped gate. */
const [STEEP, CLAMP] = [1.702, 7];

/** g·σ(1.702·g)·(u + 1). */
function clamped(build: Builder, gate: ValueId, up: ValueId): ValueId {
  const below = (x: ValueId): ValueId => {
    const most = filledLike(build, x, CLAMP);
    return build.node('where', [shifted(build, x, -CLAMP), most, x]);
  };
  const negated = (x: ValueId): ValueId => times(build, [x], -1);
  const g = below(gate);
  const u = negated(below(negated(below(up))));
  return times(build, [g, sigmoid(build, times(build, [g], STEEP)), shifted(build, u, 1)]);
}

/** max(0, x) */
function positive(build: Builder, x: ValueId): ValueId {
  return build.node('where', [x, x, filledLike(build, x, 0)]);
}

/** log(1 + eˣ) as max(x, 0) + log(1 + e^−|x|), which overflows nowhere. */
function softplus(build: Builder, x: ValueId): ValueId {
  const above = positive(build, x);
  const small = build.node('exp', [plus(build, x, times(build, [above], -2))]);
  return plus(build, above, build.node('log', [shifted(build, small, 1)]));
}

/** √(2/π) · (x + 0.044715·x³). @see Hendrycks and Gimpel, "Gaussian error linear units" (2016) */
function geluArgument(build: Builder, x: ValueId): ValueId {
  return times(build, [plus(build, x, times(build, [x, x, x], 0.044715))], Math.sqrt(2 / Math.PI));
}
