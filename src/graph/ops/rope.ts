import type { Node, Op } from '../types.ts';
import { numberOf, shareOf, textOf } from './checks.ts';

/** What the rotation of heads needs to know. */
const shapeOf = ({ attributes }: Node) => ({
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
  vjp: (node, [dy], build) => {
    const [, positions, table] = node.inputs;
    const back = { ...node.attributes, inverse: node.attributes.inverse !== true };
    return [(addend) => shareOf(build, build.node('rope', [dy!, positions, table], back))(addend), null, null];
  },
};
