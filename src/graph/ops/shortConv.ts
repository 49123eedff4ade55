import type { Builder, Call, Lowering, Op, ValueId } from '../types.ts';
import { matrixOf, requireWidth, shareOf, textOf } from './checks.ts';
import { einsumOf, lastSlice, plus, reshaped, shapeIn } from './primitives/algebra.ts';

/** Channels and taps of a convolution whose weights are [channels, taps]. */
function sizesIn(lowering: Pick<Lowering, 'typeOf'>, w: ValueId): { channels: number; taps: number } {
  const [channels, taps] = lowering.typeOf(w).shape as number[];
  return { channels, taps };
}

/** The last rows; one of nothing where an output sees its own token alone. */
const replaced: NonNullable<Op['replaces']> = ({ inputs: [, w], attributes }, typeOf) => {
  const { channels, taps } = sizesIn({ typeOf }, w!);
  return { name: textOf(attributes, 'state'), shape: [taps - 1, channels] };
};

/**
 * Causal convolution of every channel by itself: y_t = Σ_j w_j·x_{t − taps + 1 + j}, inputs x [tokens, channels] and w
 * [channels, taps]. In a stream the last taps − 1 rows are a `state` of that name, which every run replaces; where it
 * begins with the first token, what the state held before is not read.
 */
export const shortConv: Op = {
  name: 'shortConv',
  infer: ([x, w], attributes) => {
    textOf(attributes, 'state');
    requireWidth('shortConv', 'input', matrixOf('shortConv', x).width, w!.shape[0] as number);
    return [{ type: 'f32', shape: x!.shape }];
  },
  lower: ({ inputs: [x, w], outputs: [y], attributes }, lowering) => {
    const sizes = sizesIn(lowering, w!);
    const call: Call = { kernel: 'shortConv', operands: [x!, w!, y], sizes, attributes: {} };
    if (lowering.target.states === 'whole') return [call];
    const { name, shape } = replaced({ inputs: [x, w], attributes }, lowering.typeOf);
    return [{ ...call, operands: [...call.operands, lowering.state(name, 'f32', shape)] }];
  },
  replaces: replaced,
  expand: ({ inputs: [x, w] }, build, { sequences, length }) => {
    const [channels, taps] = shapeIn(build, w!);
    const rows = reshaped(build, x!, [sequences, length, channels]);
    const parts = Array.from({ length: taps }, (_, tap) => {
      const weights = reshaped(build, lastSlice(build, w!, tap, 1), [channels]);
      return later(build, einsumOf(build, 'slc,c->slc', [rows, weights]), taps - 1 - tap);
    });
    return [
      reshaped(
        build,
        parts.reduce((sum, part) => plus(build, sum, part)),
        shapeIn(build, x!),
      ),
    ];
  },
  vjp: ({ inputs: [x, w] }, [dy], build) => [
    (addend) => shareOf(build, build.node('shortConvBackward', [dy!, w]))(addend),
    (addend) => shareOf(build, build.node('shortConvWeightGradient', [x, dy!, w]))(addend),
  ],
};

/** x [sequences, length, channels] moved to later tokens, zeros before. */
function later(build: Builder, x: ValueId, by: number): ValueId {
  const [sequences, length, channels] = shapeIn(build, x);
  const left = Math.max(0, length - by);
  const steps = [1, 1, 1];
  const early = build.node('slice', [x], { starts: [0, 0, 0], sizes: [sequences, left, channels], steps });
  return build.node('place', [early], { starts: [0, length - left, 0], shape: [sequences, length, channels], steps });
}

/** dx of `shortConv` from dy and w. */
export const shortConvBackward: Op = {
  name: 'shortConvBackward',
  infer: ([dy]) => [{ type: 'f32', shape: dy!.shape }],
  lower: ({ inputs: [dy, w], outputs: [dx] }, lowering) => [
    {
      kernel: 'shortConvBackward',
      operands: [dy!, w!, dx],
      sizes: sizesIn(lowering, w!),
      attributes: {},
    },
  ],
};

/** dw of `shortConv` from x and dy; w tells the shape alone. */
export const shortConvWeightGradient: Op = {
  name: 'shortConvWeightGradient',
  infer: ([, , w]) => [{ type: 'f32', shape: w!.shape }],
  lower: ({ inputs: [x, dy, w], outputs: [dw] }, lowering) => [
    {
      kernel: 'shortConvWeightGradient',
      operands: [x!, dy!, dw],
      sizes: sizesIn(lowering, w!),
      attributes: {},
    },
  ],
};
