import type { ExpertKernels, RouteShape } from '../contract/experts.ts';
import type { PackedMatrix } from '../contract.ts';
import { checkPacked, roundsActivations } from '../packedFormats.ts';
import { requireLength } from './matmul.ts';
import { roundedActivationBytes, TOGETHER_FROM } from './packed.ts';
import { SCRATCH_BYTES, type Team } from './team.ts';

/** An exponential in multiply-adds, about, and one pass of the choice over a token's logits. */
const EXPONENTIAL = 10;

/** Kernels of routing keep twenty bytes an expert in their scratch memory. */
const MOST_EXPERTS = Math.floor(SCRATCH_BYTES / 20);

/** As assembly/route.ts counts them. */
const GATINGS: readonly RouteShape['gating'][] = ['softmax', 'sigmoid'];

export function expertKernels(team: Team): ExpertKernels {
  return { ...routeKernels(team), ...slotKernels(team), ...productKernels(team) };
}

function routeKernels(team: Team): Pick<ExpertKernels, 'route' | 'routeBackward' | 'groupByExpert'> {
  const at = team.address;
  return {
    route: (logits, bias, shape, ids, weights) => {
      const { experts, k, normalize, scale, groups, usedGroups, groupBest } = shape;
      const tokens = checkRoute(logits, shape);
      if (bias) requireLength('bias', bias, experts);
      requireLength('ids', ids, tokens * k);
      requireLength('weights', weights, tokens * k);
      const sizes = [tokens, experts, k, GATINGS.indexOf(shape.gating), normalize ? 1 : 0, scale];
      const args = [at(logits), bias ? at(bias) : 0, at(ids), at(weights), ...sizes, groups, usedGroups, groupBest];
      team.dispatch('route', args, (EXPONENTIAL + k) * logits.length);
    },
    routeBackward: (logits, ids, shape, dWeights, dLogits) => {
      const { experts, k, normalize, scale } = shape;
      const tokens = checkRoute(logits, shape);
      requireLength('ids', ids, tokens * k);
      requireIndexes('expert', ids, experts);
      requireLength('dWeights', dWeights, tokens * k);
      requireLength('dLogits', dLogits, logits.length);
      const sizes = [tokens, experts, k, GATINGS.indexOf(shape.gating), normalize ? 1 : 0, scale];
      const args = [at(logits), at(ids), at(dWeights), at(dLogits), ...sizes];
      team.dispatch('routeBackward', args, EXPONENTIAL * logits.length);
    },
    groupByExpert: (ids, experts, order, offsets) => {
      requireIndexes('expert', ids, experts + 1);
      requireLength('order', order, ids.length);
      requireLength('offsets', offsets, experts + 1);
      team.dispatch('groupByExpert', [at(ids), at(order), at(offsets), ids.length, experts], 0);
    },
  };
}

type SlotKernels = Pick<ExpertKernels, 'gatherSlots' | 'gatherSlotsBackward' | 'combine' | 'combineBackward'>;

function slotKernels(team: Team): SlotKernels {
  const at = team.address;
  /** Calls with the place of every slot. */
  const withPlaces = (order: Int32Array, use: (places: number) => void) => {
    const places = team.allocate(order.length * 4);
    try {
      team.dispatch('invertOrder', [at(order), places, order.length], order.length);
      use(places);
    } finally {
      team.release(places);
    }
  };
  return {
    gatherSlots: (x, order, k, y, columns) => {
      checkSlots(order, k, columns, [y], [x]);
      team.dispatch('gatherSlots', [at(x), at(order), at(y), order.length, k, columns], order.length * columns);
    },
    gatherSlotsBackward: (dy, order, k, dx, columns) => {
      checkSlots(order, k, columns, [dy], [dx]);
      withPlaces(order, (places) => {
        const args = [at(dy), places, at(dx), order.length / k, k, columns];
        team.dispatch('gatherSlotsBackward', args, order.length * columns);
      });
    },
    combine: (y, order, weights, out, k, columns) => {
      checkSlots(order, k, columns, [y], [out]);
      requireLength('weights', weights, order.length);
      withPlaces(order, (places) => {
        const args = [at(y), places, at(weights), at(out), order.length / k, k, columns];
        team.dispatch('combine', args, order.length * columns);
      });
    },
    combineBackward: (y, order, weights, dOut, dY, dWeights, k, columns) => {
      checkSlots(order, k, columns, [y, dY], [dOut]);
      for (const array of [weights, dWeights]) requireLength('of combineBackward', array, order.length);
      const arrays = [y, order, weights, dOut, dY, dWeights].map(at);
      team.dispatch('combineBackward', [...arrays, order.length, k, columns], 2 * order.length * columns);
    },
  };
}

function productKernels(team: Team): Pick<ExpertKernels, 'groupedMatmulNT' | 'groupedMatmulNN' | 'groupedPacked'> {
  const at = team.address;
  const multiply = (
    x: Float32Array,
    w: Float32Array,
    [wK, wColumn]: [number, number],
    offsets: Int32Array,
    y: Float32Array,
    [n, k]: [number, number],
  ) => {
    const experts = offsets.length - 1;
    const rows = checkRuns(offsets, x, y, n, k);
    requireLength('w', w, experts * n * k);
    team.dispatch('groupedMatmul', [at(x), at(w), wK, wColumn, at(y), at(offsets), experts, n, k], rows * n * k);
  };
  return {
    groupedMatmulNT: (x, w, offsets, y, n, k) => multiply(x, w, [1, k], offsets, y, [n, k]),
    groupedMatmulNN: (x, w, offsets, y, n, k) => multiply(x, w, [n, 1], offsets, y, [n, k]),
    groupedPacked: (x, w, offsets, y) => groupedPacked(team, x, w, offsets, y),
  };
}

function groupedPacked(team: Team, x: Float32Array, w: PackedMatrix, offsets: Int32Array, y: Float32Array): void {
  checkPacked(w, 0, y, x);
  const experts = offsets.length - 1;
  const [n, k] = [w.rows / experts, w.columns];
  if (!Number.isInteger(n))
    throw new RangeError(`${w.format} matrix of ${w.rows} rows does not divide into ${experts} experts`);
  const rows = checkRuns(offsets, x, y, n, k);
  const [from, work] = [team.address(x), rows * n * k];
  const rest = [
    team.address(w.blocks),
    team.address(y),
    team.address(offsets),
    experts,
    n,
    k,
    w.blocks.length / experts,
  ];
  if (!roundsActivations(w.format)) {
    team.dispatch(`packedRuns${w.format}`, [from, ...rest], work);
    return;
  }
  const rowBytes = roundedRowBytes(k);
  const rounded = team.allocate(roundedRunBytes(rows, experts, k));
  try {
    const runs = [team.address(offsets), experts, k, TOGETHER_FROM, rowBytes];
    team.dispatch(`roundRuns${w.format}`, [from, rounded, ...runs], rows * k);
    team.dispatch(`packedRuns${w.format}`, [rounded, ...rest, TOGETHER_FROM, rowBytes], work);
  } finally {
    team.release(rounded);
  }
}

/** Bytes of one row of a run that was rounded, as it lies in a tile of four. */
function roundedRowBytes(k: number): number {
  return Math.ceil(roundedActivationBytes(4, k) / 64) * 16;
}

/** Most bytes that `groupedPacked` takes for x[rows, k] rounded: runs of experts are whole tiles of four rows. */
export function roundedRunBytes(rows: number, experts: number, k: number): number {
  return (rows + 3 * Math.min(experts, Math.floor(rows / TOGETHER_FROM))) * roundedRowBytes(k);
}

/** Tokens of the logits. */
function checkRoute(logits: Float32Array, { experts, k, groups, usedGroups, groupBest }: RouteShape): number {
  if (!(experts >= 1 && experts <= MOST_EXPERTS))
    throw new RangeError(`routing got ${experts} experts, takes 1 to ${MOST_EXPERTS}`);
  if (!(k >= 1 && k <= experts)) throw new RangeError(`routing got ${k} of ${experts} experts a token, takes 1 to all`);
  const size = experts / groups;
  if (!Number.isInteger(size) || usedGroups > groups || usedGroups * size < k || !(groupBest >= 1))
    throw new RangeError(`routing got ${usedGroups} of ${groups} groups for ${k} of ${experts} experts a token`);
  if (logits.length % experts !== 0)
    throw new RangeError(`${logits.length} logits are not whole tokens of ${experts} experts`);
  return logits.length / experts;
}

function checkSlots(
  order: Int32Array,
  k: number,
  columns: number,
  slots: Float32Array[],
  tokens: Float32Array[],
): void {
  if (order.length % k !== 0) throw new RangeError(`${order.length} slots are not whole tokens of ${k}`);
  requireIndexes('slot', order, order.length);
  for (const array of slots) requireLength('with slots', array, order.length * columns);
  for (const array of tokens) requireLength('with tokens', array, (order.length / k) * columns);
}

/** Rows of all runs; those of no expert, behind them, are set to zeros. */
function checkRuns(offsets: Int32Array, x: Float32Array, y: Float32Array, n: number, k: number): number {
  if (offsets[0] < 0 || offsets.some((offset, e) => e > 0 && offset < offsets[e - 1]))
    throw new RangeError('offsets of experts fall; take them from groupByExpert');
  const rows = offsets[offsets.length - 1];
  requireLength('x', x, rows * k);
  requireLength('y', y, rows * n);
  if (k > 0) y.fill(0, rows * n, Math.floor(x.length / k) * n);
  return rows;
}

function requireIndexes(name: string, indexes: Int32Array, count: number): void {
  const wrong = indexes.find((index) => index < 0 || index >= count);
  if (wrong !== undefined) throw new RangeError(`${name} ${wrong} does not exist, there are 0 to ${count - 1}`);
}
