import type { Op } from '../types.ts';
import { matrixOf, requireWidth, shareOf } from './checks.ts';
import { ownRows } from './experts.ts';
import { einsumOf, plus, reshaped, shapeIn } from './primitives/algebra.ts';

/** Rows of every expert with its own bias added: inputs y [slots, n], bias [experts·n], offsets [experts + 1]. */
export const groupedBias: Op = {
  name: 'groupedBias',
  inPlace: 0,
  infer: ([y, bias, offsets]) => {
    const experts = (offsets!.shape[0] as number) - 1;
    requireWidth('groupedBias', 'bias', bias!.shape[0] as number, experts * matrixOf('groupedBias', y).width);
    return [{ type: 'f32', shape: y!.shape }];
  },
  lower: ({ inputs: [, bias, offsets], outputs: [y] }) => [
    { kernel: 'groupedBias', operands: [y, bias!, offsets!], sizes: {}, attributes: {} },
  ],
  expand: ({ inputs: [y, bias, offsets] }, build) => {
    const [rows, n] = shapeIn(build, y!);
    const own = ownRows(build, offsets!, rows);
    const biases = reshaped(build, bias!, [shapeIn(build, own)[0], n]);
    return [plus(build, y!, einsumOf(build, 'er,en->rn', [own, biases]))];
  },
  vjp: ({ inputs: [, , offsets] }, [dy], build) => [
    shareOf(build, dy!),
    (addend) => shareOf(build, build.node('groupedSumRows', [dy!, offsets]))(addend),
    null,
  ],
};

/** Σ over the rows of every expert, [experts·n]: the gradient of its bias. */
export const groupedSumRows: Op = {
  name: 'groupedSumRows',
  infer: ([dy, offsets]) => [
    { type: 'f32', shape: [((offsets!.shape[0] as number) - 1) * matrixOf('groupedSumRows', dy).width] },
  ],
  lower: ({ inputs: [dy, offsets], outputs: [sums] }) => [
    { kernel: 'groupedSumRows', operands: [dy!, offsets!, sums], sizes: {}, attributes: {} },
  ],
  expand: ({ inputs: [dy, offsets] }, build) => {
    const [rows, n] = shapeIn(build, dy!);
    const own = ownRows(build, offsets!, rows);
    return [reshaped(build, einsumOf(build, 'er,rn->en', [own, dy!]), [shapeIn(build, own)[0] * n])];
  },
};
