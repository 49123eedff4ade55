import type { Builder, Node, Op, ValueId } from '../types.ts';
import { numberOf, shareOf, textOf } from './checks.ts';
import { einsumOf, lastPlace, lastSlice, minus, plus, reshaped, shapeIn, sumOf } from './primitives/algebra.ts';

/** What the rotation of heads needs to know. */
const shapeOf = ({ attributes }: Pick<Node, 'attributes'>) => ({
  heads: numberOf(attributes, 'heads'),
  headDim: numberOf(attributes, 'headDim'),
  dimensions: numberOf(attributes, 'dimensions'),
  style: textOf(attributes, 'style'),
  inverse: attributes.inverse === true,
});

/**
 * Rotates pairs of every head's first `dimensions` by its row's position: inputs x, positions, table of cos and sin.
 * `style` is `interleaved` (pairs 2i, 2i+1) or `halves` (i, i + dimensions/2); `inverse` rotates back.
 * @see Su et al., "RoFormer" (2021), equation (34)
 */
export const rope: Op = {
  name: 'rope',
  inPlace: 0,
  infer: ([x]) => [{ type: 'f32', shape: x!.shape }],
  lower: (node) => {
    const [, positions, table] = node.inputs;
    return [{ kernel: 'rope', operands: [node.outputs[0], positions!, table!], sizes: {}, attributes: shapeOf(node) }];
  },
  expand: (node, build) => {
    const [x, positions, table] = node.inputs as ValueId[];
    const { heads, headDim, dimensions, style, inverse } = shapeOf(node);
    const [tokens, pairs] = [shapeIn(build, x)[0], dimensions / 2];
    const angles = build.node('gather', [positions, table]);
    const [cos, sin] = [0, 1].map((i) => reshaped(build, lastSlice(build, angles, i, 1), [tokens, pairs]));
    const rows = reshaped(build, x, [tokens, heads, headDim]);
    const [second, step] = style === 'interleaved' ? [1, 2] : [pairs, 1];
    const [a, b] = [0, second].map((start) => lastSlice(build, rows, start, pairs, step));
    const [ac, as, bc, bs] = [a, b].flatMap((half) => [cos, sin].map((by) => turned(build, half, by)));
    const [first, last] = inverse
      ? [plus(build, ac, bs), minus(build, bc, as)]
      : [minus(build, ac, bs), plus(build, as, bc)];
    const rest = lastSlice(build, rows, dimensions, headDim - dimensions);
    const parts = [
      lastPlace(build, first, headDim, 0, step),
      lastPlace(build, last, headDim, second, step),
      lastPlace(build, rest, headDim, headDim === dimensions ? 0 : dimensions),
    ];
    return [reshaped(build, sumOf(build, parts), [tokens, heads * headDim])];
  },
  vjp: (node, [dy], build) => {
    const [, positions, table] = node.inputs;
    const back = { ...node.attributes, inverse: node.attributes.inverse !== true };
    return [(addend) => shareOf(build, build.node('rope', [dy!, positions, table], back))(addend), null, null];
  },
};

/** Half of every pair times a number of its token and pair. */
const turned = (build: Builder, half: ValueId, by: ValueId): ValueId => einsumOf(build, 'thp,tp->thp', [half, by]);
