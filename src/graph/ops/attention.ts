import { FormatError } from '../../core/errors.ts';
import type { Attributes, Builder, Node, Op, ValueId } from '../types.ts';
import { matrixOf, numberOf, once, requireWidth, shareOf } from './checks.ts';
import {
  einsumOf,
  filledLike,
  lastPlace,
  lastSlice,
  plus,
  reshaped,
  shapeIn,
  softmax,
  times,
} from './primitives/algebra.ts';

/** What both directions of attention need to know. */
function shapeOf(attributes: Attributes): Attributes {
  const { scale = null, window = null, chunk = null, softcap = null, causal = true } = attributes;
  return {
    heads: numberOf(attributes, 'heads'),
    kvHeads: numberOf(attributes, 'kvHeads'),
    headDim: numberOf(attributes, 'headDim'),
    scale,
    window,
    chunk,
    softcap,
    causal,
  };
}

/**
 * Attention of every query over the keys of its sequence: inputs q [tokens, heads·headDim], k and v
 * [tokens, kvHeads·headDim] (or states that hold earlier tokens too), and where there are any, sinks [heads]: one more
 * score in each softmax of a head, of a key without a value. Attributes: `scale` of scores (default 1/√headDim), `window`
 * (a query sees that many keys, its own the last) or `chunk` (a query sees its own of such parts of the sequence),
 * `softcap` (s → c·tanh(s/c)), `causal`.
 */
export const attention: Op = {
  name: 'attention',
  infer: ([q, k, v, sinks], attributes) => {
    const [heads, kvHeads, headDim] = ['heads', 'kvHeads', 'headDim'].map((name) => numberOf(attributes, name));
    if (heads % kvHeads !== 0)
      throw new FormatError(`attention: ${heads} heads, which ${kvHeads} kvHeads do not divide`);
    requireWidth('attention', 'q', matrixOf('attention', q).width, heads * headDim);
    requireWidth('attention', 'k', matrixOf('attention', k).width, kvHeads * headDim);
    requireWidth('attention', 'v', matrixOf('attention', v).width, kvHeads * headDim);
    if (sinks !== undefined) requireWidth('attention', 'sinks', sinks.shape[0] as number, heads);
    return [{ type: 'f32', shape: q!.shape }];
  },
  lower: ({ inputs: [q, k, v, sinks], outputs: [out], attributes }) => [
    {
      kernel: 'attention',
      operands: [q!, k!, v!, out, ...given(sinks)],
      sizes: {},
      attributes: shapeOf(attributes),
    },
  ],
  expand: ({ inputs: [q, k, v, sinks], attributes }, build, { sequences, length }) => {
    const [heads, kvHeads, headDim] = ['heads', 'kvHeads', 'headDim'].map((name) => numberOf(attributes, name));
    const groups = [sequences, length, kvHeads, heads / kvHeads, headDim];
    const [keys, values] = [k!, v!].map((x) => reshaped(build, x, [sequences, length, kvHeads, headDim]));
    const factor = numberOf({ scale: attributes.scale ?? 1 / Math.sqrt(headDim) }, 'scale');
    const products = einsumOf(build, 'slgrd,smgd->sgrlm', [reshaped(build, q!, groups), keys], { factor });
    const scores = masked(build, capped(build, products, attributes), attributes);
    const shares = typeof sinks === 'number' ? besideSinks(build, scores, sinks) : softmax(build, scores);
    const attended = einsumOf(build, 'sgrlm,smgd->slgrd', [shares, values]);
    return [reshaped(build, attended, shapeIn(build, q!))];
  },
  vjp: (node, [dOut], build) => {
    const [q, k, v, sinks] = node.inputs;
    const gradients = once(() => build.nodes('attentionBackward', [q, k, v, dOut!, ...given(sinks)], node.attributes));
    return node.inputs.map((_, i) => (addend) => shareOf(build, gradients()[i])(addend));
  },
};

/** An optional input, where there is one. */
const given = (id: ValueId | null | undefined): ValueId[] => (typeof id === 'number' ? [id] : []);

/** Shares of the scores [sequences, kvHeads, group, queries, keys], with a sink of every head among them. */
function besideSinks(build: Builder, scores: ValueId, sinks: ValueId): ValueId {
  const [s, g, r, l, m] = shapeIn(build, scores);
  const each = einsumOf(build, 'gr->sgrl', [reshaped(build, sinks, [g, r])], { sizes: { s, l } });
  const column = reshaped(build, each, [s, g, r, l, 1]);
  const all = plus(build, lastPlace(build, scores, m + 1, 0), lastPlace(build, column, m + 1, m));
  return lastSlice(build, softmax(build, all), 0, m);
}

/** c·tanh(s/c), where there is a cap c. */
function capped(build: Builder, scores: ValueId, { softcap }: Attributes): ValueId {
  if (typeof softcap !== 'number') return scores;
  return times(build, [build.node('tanh', [times(build, [scores], 1 / softcap)])], softcap);
}

/** A score whose exponential is 0 next to every other one's, and finite, so that differences are. */
const UNSEEN = -1e30;

/** Scores [sequences, kvHeads, group, queries, keys], of the keys that a query does not see `UNSEEN`. */
function masked(build: Builder, scores: ValueId, { window, chunk, causal }: Attributes): ValueId {
  const [s, g, r, l, m] = shapeIn(build, scores);
  const reach = typeof window === 'number' ? window - 1 : null;
  const seen = build.constant({ kind: 'band', before: reach, after: causal === false ? reach : 0 }, [l, m]);
  const own = typeof chunk === 'number' ? build.constant({ kind: 'chunks', size: chunk }, [l, m]) : undefined;
  const visible = own === undefined ? seen : times(build, [seen, own]);
  const everywhere = einsumOf(build, 'lm->sgrlm', [visible], { sizes: { s, g, r } });
  return build.node('where', [everywhere, scores, filledLike(build, scores, UNSEEN)]);
}

/** dq, dk, dv from q, k, v, dOut; with sinks as a fifth input theirs too. For whole sequences alone. */
export const attentionBackward: Op = {
  name: 'attentionBackward',
  infer: ([q, k, v, , sinks]) => [q!, k!, v!, ...(sinks ? [sinks] : [])].map(({ shape }) => ({ type: 'f32', shape })),
  lower: ({ inputs: [q, k, v, dOut, sinks], outputs: [dq, dk, dv, dSinks], attributes }: Node) => [
    {
      kernel: 'attentionBackward',
      operands: [q!, k!, v!, dOut!, dq, dk, dv, ...(typeof sinks === 'number' ? [sinks, dSinks] : [])],
      sizes: {},
      attributes: shapeOf(attributes),
    },
  ],
};
