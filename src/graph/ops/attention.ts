import { FormatError } from '../../core/errors.ts';
import type { Attributes, Builder, Node, Op, ValueId } from '../types.ts';
import { matrixOf, numberOf, once, requireWidth, shareOf } from './checks.ts';
import { einsumOf, filledLike, reshaped, shapeIn, softmax, times } from './primitives/algebra.ts';

/** What both directions of attention need to know. */
function shapeOf(attributes: Attributes): Attributes {
  const { scale = null, window = null, softcap = null, causal = true } = attributes;
  return {
    heads: numberOf(attributes, 'heads'),
    kvHeads: numberOf(attributes, 'kvHeads'),
    headDim: numberOf(attributes, 'headDim'),
    scale,
    window,
    softcap,
    causal,
  };
}

/**
 * Attention of every query over the keys of its sequence: inputs q [tokens, heads·headDim], k and v
 * [tokens, kvHeads·headDim] (or states that hold earlier tokens too). Attributes: `scale` of scores (default
 * 1/√headDim), `window` (a query sees that many keys, its own the last), `softcap` (s → c·tanh(s/c)), `causal`.
 */
export const attention: Op = {
  name: 'attention',
  infer: ([q, k, v], attributes) => {
    const [heads, kvHeads, headDim] = ['heads', 'kvHeads', 'headDim'].map((name) => numberOf(attributes, name));
    if (heads % kvHeads !== 0)
      throw new FormatError(`attention: ${heads} heads, which ${kvHeads} kvHeads do not divide`);
    requireWidth('attention', 'q', matrixOf('attention', q).width, heads * headDim);
    requireWidth('attention', 'k', matrixOf('attention', k).width, kvHeads * headDim);
    requireWidth('attention', 'v', matrixOf('attention', v).width, kvHeads * headDim);
    return [{ type: 'f32', shape: q!.shape }];
  },
  lower: ({ inputs: [q, k, v], outputs: [out], attributes }) => [
    { kernel: 'attention', operands: [q!, k!, v!, out], sizes: {}, attributes: shapeOf(attributes) },
  ],
  expand: ({ inputs: [q, k, v], attributes }, build, { sequences, length }) => {
    const [heads, kvHeads, headDim] = ['heads', 'kvHeads', 'headDim'].map((name) => numberOf(attributes, name));
    const groups = [sequences, length, kvHeads, heads / kvHeads, headDim];
    const [keys, values] = [k!, v!].map((x) => reshaped(build, x, [sequences, length, kvHeads, headDim]));
    const factor = numberOf({ scale: attributes.scale ?? 1 / Math.sqrt(headDim) }, 'scale');
    const products = einsumOf(build, 'slgrd,smgd->sgrlm', [reshaped(build, q!, groups), keys], { factor });
    const shares = softmax(build, masked(build, capped(build, products, attributes), attributes));
    const attended = einsumOf(build, 'sgrlm,smgd->slgrd', [shares, values]);
    return [reshaped(build, attended, shapeIn(build, q!))];
  },
  vjp: (node, [dOut], build) => {
    const gradients = once(() => build.nodes('attentionBackward', [...node.inputs, dOut!], node.attributes));
    return [0, 1, 2].map((i) => (addend) => shareOf(build, gradients()[i])(addend));
  },
};

/** c·tanh(s/c), where there is a cap c. */
function capped(build: Builder, scores: ValueId, { softcap }: Attributes): ValueId {
  if (typeof softcap !== 'number') return scores;
  return times(build, [build.node('tanh', [times(build, [scores], 1 / softcap)])], softcap);
}

/** A score whose exponential is 0 next to every other one's, and finite, so that differences are. */
const UNSEEN = -1e30;

/** Scores [sequences, kvHeads, group, queries, keys], of the keys that a query does not see `UNSEEN`. */
function masked(build: Builder, scores: ValueId, { window, causal }: Attributes): ValueId {
  const [s, g, r, l, m] = shapeIn(build, scores);
  const reach = typeof window === 'number' ? window - 1 : null;
  const seen = build.constant({ kind: 'band', before: reach, after: causal === false ? reach : 0 }, [l, m]);
  const everywhere = einsumOf(build, 'lm->sgrlm', [seen], { sizes: { s, g, r } });
  return build.node('where', [everywhere, scores, filledLike(build, scores, UNSEEN)]);
}

/** dq, dk, dv; probabilities are computed again. For whole sequences alone. */
export const attentionBackward: Op = {
  name: 'attentionBackward',
  infer: ([q, k, v]) => [q!, k!, v!].map(({ shape }) => ({ type: 'f32', shape })),
  lower: ({ inputs, outputs, attributes }: Node) => [
    {
      kernel: 'attentionBackward',
      operands: [...inputs.map((id) => id!), ...outputs],
      sizes: {},
      attributes: shapeOf(attributes),
    },
  ],
};
