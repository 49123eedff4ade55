import { FormatError } from '../../core/errors.ts';
import { timesSize } from '../../kernels/program.ts';
import type { Attributes, Builder, Op, ValueId } from '../types.ts';
import { matrixOf, numberOf, requireWidth, shareOf } from './checks.ts';
import {
  einsumOf,
  filledLike,
  onRows,
  plus,
  powerOf,
  reshaped,
  shapeIn,
  sigmoid,
  softmax,
} from './primitives/algebra.ts';

/** @throws FormatError for a gating that is not known, and for groups that hold too few experts */
function shapeOf(attributes: Attributes, experts: number) {
  const { gating = 'softmax', normalize } = attributes;
  if (gating !== 'softmax' && gating !== 'sigmoid')
    throw new FormatError(`route: gating ${String(gating)} is not known, expected softmax or sigmoid`);
  const [k, groups] = [numberOf(attributes, 'k'), numberOf(attributes, 'groups', 1)];
  const usedGroups = numberOf(attributes, 'usedGroups', groups);
  if (experts % groups !== 0 || usedGroups > groups || usedGroups * (experts / groups) < k)
    throw new FormatError(`route: ${usedGroups} of ${groups} groups do not hold ${k} of ${experts} experts`);
  return {
    ...{ experts, k, gating, normalize: normalize === true, scale: Math.fround(numberOf(attributes, 'scale', 1)) },
    ...{ groups, usedGroups, groupBest: numberOf(attributes, 'groupBest', 2) },
  };
}

/**
 * The k experts of each token: inputs logits [tokens, experts] and a bias [experts] that chooses and does not weigh, or null;
 * outputs ids [tokens·k] and weights [tokens·k]. A weight is the logit's gate (`gating`: `softmax` over all experts, the
 * default, or `sigmoid`), divided by the sum of the token's where `normalize`, times `scale` (default 1). With `groups`, a token
 * goes to `usedGroups` of them alone: those whose `groupBest` (default 2) largest scores have the largest sums.
 * @see Shazeer et al., "Outrageously large neural networks" (2017), section 2.1; Fedus et al. (2021); DeepSeek-AI,
 *   "DeepSeek-V3 technical report" (2024), section 2.1.2, for sigmoids, bias and groups
 */
export const route: Op = {
  name: 'route',
  infer: ([logits, bias], attributes) => {
    const { rows, width } = matrixOf('route', logits);
    if (bias) requireWidth('route', 'bias', bias.shape[0] as number, width);
    const slots = timesSize(rows, shapeOf(attributes, width).k);
    return [
      { type: 'i32', shape: [slots] },
      { type: 'f32', shape: [slots] },
    ];
  },
  lower: ({ inputs: [logits, bias], outputs: [ids, weights], attributes }, lowering) => [
    {
      kernel: 'route',
      operands: [logits!, bias ?? -1, ids, weights],
      sizes: {},
      attributes: { ...shapeOf(attributes, matrixOf('route', lowering.typeOf(logits!)).width) },
    },
  ],
  expand: ({ inputs: [logits, bias], attributes }, build) => {
    const [tokens, experts] = shapeIn(build, logits!);
    const shape = shapeOf(attributes, experts);
    const { k, normalize, scale, gating } = shape;
    const gates = gating === 'softmax' ? softmax(build, logits!) : sigmoid(build, logits!);
    const ids = build.node('topK', [scoresOf(build, logits!, gates, bias ?? undefined, shape)], { k });
    const picks = reshaped(build, build.node('gather', [ids, identity(build, experts)]), [tokens, k, experts]);
    const picked = einsumOf(build, 'tke,te->tk', [picks, gates], { factor: scale });
    if (!normalize) return [ids, reshaped(build, picked, [tokens * k])];
    const inverse = powerOf(build, einsumOf(build, 'tk->t', [picked]), -1);
    return [ids, reshaped(build, einsumOf(build, 'tk,t->tk', [picked, inverse], { factor: scale }), [tokens * k])];
  },
  vjp: ({ inputs: [logits], outputs: [ids], attributes }, [, dWeights], build) => [
    dWeights === undefined
      ? null
      : (addend) => shareOf(build, build.node('routeBackward', [logits, ids, dWeights], attributes))(addend),
    null,
  ],
};

/** Row i picks the i-th of n. */
const identity = (build: Builder, n: number): ValueId => build.constant({ kind: 'band', before: 0, after: 0 }, [n, n]);

/** A score that is chosen last. */
const UNSEEN = -1e30;

/** What experts are chosen by: logits; with a bias or groups, gates + bias. [tokens, experts] */
function scoresOf(
  build: Builder,
  logits: ValueId,
  gates: ValueId,
  bias: ValueId | undefined,
  { groups, usedGroups, groupBest }: ReturnType<typeof shapeOf>,
): ValueId {
  const [tokens, experts] = shapeIn(build, logits);
  if (bias === undefined && groups === 1) return logits;
  const scores = bias === undefined ? gates : plus(build, gates, onRows(build, bias, tokens));
  if (groups === 1) return scores;
  const [size, best] = [experts / groups, Math.min(groupBest, experts / groups)];
  const grouped = reshaped(build, scores, [tokens * groups, size]);
  const top = build.node('topK', [grouped], { k: best });
  const picks = reshaped(build, build.node('gather', [top, identity(build, size)]), [tokens * groups, best, size]);
  const sums = reshaped(build, einsumOf(build, 'gke,ge->g', [picks, grouped]), [tokens, groups]);
  const used = build.node('topK', [sums], { k: usedGroups });
  const chosen = reshaped(build, build.node('gather', [used, identity(build, groups)]), [tokens, usedGroups, groups]);
  const open = einsumOf(build, 'tug->tge', [chosen], { sizes: { e: size } });
  return build.node('where', [reshaped(build, open, [tokens, experts]), scores, filledLike(build, scores, UNSEEN)]);
}

/** Gradient at the logits of `route`; the choice itself has none. */
export const routeBackward: Op = {
  name: 'routeBackward',
  infer: ([logits]) => [{ type: 'f32', shape: logits!.shape }],
  lower: ({ inputs: [logits, ids, dWeights], outputs: [dLogits], attributes }, lowering) => [
    {
      kernel: 'routeBackward',
      operands: [logits!, ids!, dWeights!, dLogits],
      sizes: {},
      attributes: { ...shapeOf(attributes, matrixOf('routeBackward', lowering.typeOf(logits!)).width) },
    },
  ],
};
