import { FormatError } from '../../core/errors.ts';
import type { Op } from '../types.ts';
import { attention, attentionBackward } from './attention.ts';
import { batchNorm, batchNormBackward, batchStatistics, batchStatisticsBackward } from './batchNorm.ts';
import { cache } from './cache.ts';
import { probabilitySquares, sampledScore } from './categorical.ts';
import { center } from './center.ts';
import { columns } from './columns.ts';
import {
  activate,
  activateBackward,
  add,
  addBias,
  gated,
  gatedBackward,
  multiply,
  scale,
  sumRows,
} from './elementwise.ts';
import { endRows, endRowsBackward } from './endRows.ts';
import {
  combine,
  combineBackward,
  dispatch,
  gatherSlots,
  gatherSlotsBackward,
  groupedLinear,
  groupedTransposed,
  groupedWeightGradient,
  scaleRows,
  scaleRowsBackward,
  sumSlots,
} from './experts.ts';
import { groupedBias, groupedSumRows } from './groupedBias.ts';
import { groupedScale, groupedScaleGradient } from './groupedScale.ts';
import { headColumns, headRows } from './heads.ts';
import { meanRows, meanRowsBackward, patches, patchesTransposed } from './images.ts';
import { linear, linearTransposed, linearWeightGradient } from './linear.ts';
import { linearAttention, linearAttentionBackward } from './linearAttention.ts';
import { maximum, topK, where } from './primitives/choice.ts';
import { einsum } from './primitives/einsum.ts';
import { erf, exp, log, power, round, tanh } from './primitives/functions.ts';
import { gather, scatterAdd } from './primitives/gather.ts';
import { place, reshape, slice } from './primitives/layout.ts';
import { rmsNorm, rmsNormBackward, rmsNormGainGradient } from './rmsNorm.ts';
import { rope } from './rope.ts';
import { route, routeBackward } from './route.ts';
import { lookup, scatterRows, select } from './rows.ts';
import { shortConv, shortConvBackward, shortConvWeightGradient } from './shortConv.ts';
import { keepSlots, limitSlots, slotsOfExperts } from './slots.ts';
import { join, scaleColumns, scaleColumnsGradient, split } from './split.ts';
import { columnEnergy, gram, rowEnergy, sequenceGram, sketch } from './sums.ts';

/** Every op, once. */
export const ops: readonly Op[] = [
  lookup,
  select,
  scatterRows,
  linear,
  linearTransposed,
  linearWeightGradient,
  rmsNorm,
  rmsNormBackward,
  rmsNormGainGradient,
  rope,
  cache,
  attention,
  attentionBackward,
  shortConv,
  shortConvBackward,
  shortConvWeightGradient,
  linearAttention,
  linearAttentionBackward,
  split,
  join,
  scaleColumns,
  scaleColumnsGradient,
  add,
  multiply,
  addBias,
  sumRows,
  scale,
  gated,
  gatedBackward,
  activate,
  activateBackward,
  route,
  routeBackward,
  keepSlots,
  limitSlots,
  slotsOfExperts,
  dispatch,
  gatherSlots,
  gatherSlotsBackward,
  groupedLinear,
  groupedTransposed,
  groupedWeightGradient,
  sumSlots,
  groupedBias,
  groupedSumRows,
  groupedScale,
  groupedScaleGradient,
  headRows,
  headColumns,
  combine,
  combineBackward,
  scaleRows,
  scaleRowsBackward,
  batchNorm,
  batchNormBackward,
  batchStatistics,
  batchStatisticsBackward,
  patches,
  patchesTransposed,
  meanRows,
  meanRowsBackward,
  endRows,
  endRowsBackward,
  center,
  columns,
  sampledScore,
  probabilitySquares,
  gram,
  sequenceGram,
  rowEnergy,
  columnEnergy,
  sketch,
  einsum,
  where,
  maximum,
  topK,
  exp,
  log,
  power,
  tanh,
  erf,
  round,
  gather,
  scatterAdd,
  reshape,
  slice,
  place,
];

const byName = new Map(ops.map((op) => [op.name, op]));

/** @throws FormatError for a name that no op has */
export function opNamed(name: string): Op {
  const op = byName.get(name);
  if (op === undefined)
    throw new FormatError(`graph: op ${name} is not known (known: ${[...byName.keys()].join(', ')})`);
  return op;
}
