import { Random } from '../../src/core/random.ts';
import type { Attributes, Shape } from '../../src/graph/types.ts';
import { primitiveCases } from './primitive-cases.ts';

/** An input of an op, of these numbers. */
export interface Given {
  readonly type: 'f32' | 'i32';
  readonly shape: Shape;
  readonly values: Float32Array | Int32Array;
  /** A constant wherever it is used: it has no gradient. */
  readonly fixed?: boolean;
}

export interface OpCase {
  readonly inputs: readonly (Given | null)[];
  readonly attributes?: Attributes;
  /** Values of symbols; `sequences` and `length` where an op works on sequences. */
  readonly sizes?: { readonly sequences: number; readonly length: number };
}

/** Sizes of one case. */
export interface Dimensions {
  readonly a: number;
  readonly b: number;
  readonly c: number;
  /** Number of the case, for what alternates. */
  readonly index: number;
}

export type CaseOf = (sizes: Dimensions, draw: Draw) => OpCase;

/** Around registers and their halves, and nothing at all. */
const SIZES = [0, 1, 2, 3, 31, 33, 4, 5, 16, 17];

export const CASES = 30;

/** Draws numbers for a case. */
export class Draw {
  readonly random: Random;

  constructor(seed: number) {
    this.random = new Random(seed);
  }

  rows(...shape: number[]): Given {
    const length = shape.reduce((product, size) => product * size, 1);
    return { type: 'f32', shape, values: Float32Array.from({ length }, () => this.random.normal()) };
  }

  /** Between 0.5 and 2. */
  positive(...shape: number[]): Given {
    const { values } = this.rows(...shape);
    return { type: 'f32', shape, values: (values as Float32Array).map(() => 0.5 + 1.5 * this.random.uniform()) };
  }

  uniform(length: number): Given {
    return { type: 'f32', shape: [length], values: Float32Array.from({ length }, () => this.random.uniform()) };
  }

  ids(length: number, below: number): Given {
    return { type: 'i32', shape: [length], values: Int32Array.from({ length }, () => this.random.integer(below)) };
  }

  permutation(length: number): Given {
    const order = this.random.shuffle(Array.from({ length }, (_, i) => i));
    return { type: 'i32', shape: [length], values: Int32Array.from(order) };
  }

  /** Where each expert's rows begin, and their end: rows behind it are those of no expert. */
  offsets(experts: number, rows: number): Given {
    const cuts = Array.from({ length: experts }, () => this.random.integer(rows + 1)).sort((a, b) => a - b);
    return { type: 'i32', shape: [experts + 1], values: Int32Array.of(0, ...cuts) };
  }

  pick<T>(...from: readonly T[]): T {
    return from[this.random.integer(from.length)];
  }
}

/** Each of the sizes in each place once, and then at random. */
export function casesOf(op: string): OpCase[] {
  const make = cases[op];
  if (make === undefined) throw new RangeError(`op ${op} has no case in test/graph/cases.ts`);
  return Array.from({ length: CASES }, (_, index) => {
    const draw = new Draw(1000 * index + op.length);
    const some = (place: number): number =>
      place === Math.floor(index / SIZES.length) ? SIZES[index % SIZES.length] : draw.pick(...SIZES.slice(1));
    return make({ a: some(0), b: some(1), c: some(2), index }, draw);
  });
}

export const opsWithCases = (): string[] => Object.keys(cases);

/**
 * Large enough that central differences see a norm of one small number as smooth; and a float32, as constants of
 * expansions are.
 */
const epsilon = 2 ** -10;
const gates = ['silu', 'gelu', 'geluErf', 'clamped'];
const activations = ['silu', 'gelu', 'geluErf', 'relu', 'sigmoid', 'tanh', 'relu2', 'softplus'];

/** Inputs of attention and its options; grouped heads, windows, chunks, caps, scales, sinks and both directions in turn. */
function attentionCase({ a, index }: Dimensions, draw: Draw, gradient: boolean): OpCase {
  const [kvHeads, group, headDim] = [draw.pick(1, 2, 3), draw.pick(1, 2, 3), draw.pick(1, 2, 3, 4, 5, 8, 31, 33)];
  const [sequences, heads] = [a > 5 ? 1 : draw.pick(1, 2, 3), kvHeads * group];
  const tokens = sequences * a;
  const q = draw.rows(tokens, heads * headDim);
  const [k, v] = [draw.rows(tokens, kvHeads * headDim), draw.rows(tokens, kvHeads * headDim)];
  const attributes = {
    ...{ heads, kvHeads, headDim },
    ...(index % 2 === 0 ? {} : { window: draw.pick(1, 2, 3, 16) }),
    ...(index % 4 === 2 ? { chunk: draw.pick(1, 2, 3, 16) } : {}),
    ...(index % 3 === 0 ? {} : { softcap: 1.5 }),
    ...(index % 5 < 3 ? {} : { scale: 0.3 }),
    ...(index % 7 < 4 ? {} : { causal: false }),
  };
  const dOut = gradient ? [draw.rows(tokens, heads * headDim)] : [];
  const sinks = index % 3 === 1 ? [draw.rows(heads)] : [];
  return { inputs: [q, k, v, ...dOut, ...sinks], attributes, sizes: { sequences, length: a } };
}

function ropeCase({ a, index }: Dimensions, draw: Draw): OpCase {
  const [heads, pairs, rest, positions] = [draw.pick(1, 2, 3), draw.pick(1, 2, 4, 5, 16), draw.pick(0, 1, 4), 40];
  const angles = draw.rows(positions, pairs, 1).values;
  const table = Float32Array.from({ length: positions * pairs * 2 }, (_, i) =>
    i % 2 === 0 ? Math.cos(angles[i >> 1]) : Math.sin(angles[i >> 1]),
  );
  const headDim = 2 * pairs + rest;
  const style = index % 2 === 0 ? 'interleaved' : 'halves';
  return {
    inputs: [
      draw.rows(a, heads * headDim),
      draw.ids(a, positions),
      { type: 'f32', shape: [positions, pairs, 2], values: table, fixed: true },
    ],
    attributes: { heads, headDim, dimensions: 2 * pairs, style, inverse: index % 3 === 0 },
  };
}

/** Windows over small images, and pixels or patches of them. */
function windowsCase({ a, index }: Dimensions, draw: Draw, transposed: boolean): OpCase {
  const [height, width, channels] = [draw.pick(2, 3, 5), draw.pick(2, 3, 7), draw.pick(1, 2, 3)];
  const [kernel, stride] = [draw.pick(1, 2), draw.pick(1, 2)];
  const padding = index % kernel;
  const images = a > 5 ? 2 : a;
  const x = draw.rows(images * height * width, channels);
  const attributes = { height, width, channels, kernel, stride, padding };
  if (!transposed) return { inputs: [x], attributes };
  const out = (size: number): number => Math.floor((size + 2 * padding - kernel) / stride) + 1;
  return { inputs: [draw.rows(images * out(height) * out(width), kernel * kernel * channels), x], attributes };
}

/** Rows in runs: of `count`, or as long as sequences are. */
function runsCase({ a, b, index }: Dimensions, draw: Draw, backward: boolean): OpCase {
  const [runs, count] = [a > 5 ? 3 : a, draw.pick(1, 2, 3, 31)];
  const x = draw.rows(runs * count, b);
  const inputs = backward ? [draw.rows(runs, b), x] : [x];
  if (index % 2 === 0) return { inputs, attributes: { count } };
  const given = (input: Given): Given =>
    input === x ? input : { ...input, shape: [{ of: 'sequences', times: 1 }, b] };
  return { inputs: inputs.map(given), sizes: { sequences: runs, length: count } };
}

/** Sequences of at least one row, of which the first or the last is taken. */
function endRowsCase({ a, b, index }: Dimensions, draw: Draw, backward: boolean): OpCase {
  const [sequences, length] = [draw.pick(1, 2, 3), Math.max(1, a)];
  const x = draw.rows(sequences * length, b);
  const dy = { ...draw.rows(sequences, b), shape: [{ of: 'sequences', times: 1 }, b] };
  const attributes = { end: index % 2 === 0 ? 'first' : 'last' };
  return { inputs: backward ? [dy, x] : [x], attributes, sizes: { sequences, length } };
}

/** Slots of tokens in some order. @param a tokens */
function slots(a: number, draw: Draw): { k: number; count: number; order: Given } {
  const k = draw.pick(1, 2, 3);
  return { k, count: a * k, order: draw.permutation(a * k) };
}

function routeCase({ a, b }: Dimensions, draw: Draw, index: number) {
  const experts = Math.max(1, b);
  const k = Math.min(experts, draw.pick(1, 2, 4));
  const groups = [1, 2, 3].findLast((count) => experts % count === 0 && draw.random.uniform() < 0.7) ?? 1;
  const usedGroups = Math.ceil((groups * k) / experts);
  const attributes = {
    ...{ k, normalize: index % 2 === 0 },
    ...(index % 3 === 0 ? {} : { gating: 'sigmoid' }),
    ...(index % 5 < 2 ? {} : { scale: 2.5 }),
    ...(groups === 1 ? {} : { groups, usedGroups, groupBest: draw.pick(1, 2) }),
  };
  return { experts, k, logits: draw.rows(a, experts), bias: index % 4 < 2 ? null : draw.rows(experts), attributes };
}

/** k different experts of each token. */
function choices(tokens: number, experts: number, k: number, draw: Draw): Given {
  const chosen = Array.from({ length: tokens }, () => [...draw.permutation(experts).values.subarray(0, k)]).flat();
  return { type: 'i32', shape: [tokens * k], values: Int32Array.from(chosen) };
}

/** Rows of sequences, and weights of a convolution along them. */
function convolutionCase({ a, b, c }: Dimensions, draw: Draw) {
  const [sequences, channels, taps] = [a > 5 ? 1 : draw.pick(1, 2, 3), Math.max(1, b), Math.min(5, Math.max(1, c))];
  const rows = (): Given => draw.rows(sequences * a, channels);
  return { rows, w: draw.rows(channels, taps), attributes: { state: 's' }, sizes: { sequences, length: a } };
}

/** Inputs of linear attention: keys of length 1 or so and strengths below 1, where the delta rule shrinks what is held. */
function linearAttentionCase({ a, index }: Dimensions, draw: Draw, gradient: boolean): OpCase {
  const [keyHeads, group] = [draw.pick(1, 2, 3), draw.pick(1, 2, 3)];
  const [keyDim, valueDim] = [draw.pick(1, 2, 3, 4, 5, 8, 33), draw.pick(1, 2, 3, 5, 17, 33)];
  const [sequences, heads] = [a > 5 ? 1 : draw.pick(1, 2, 3), keyHeads * group];
  const tokens = sequences * a;
  const scaled = (given: Given, by: (value: number) => number): Given => ({
    ...given,
    values: (given.values as Float32Array).map(by),
  });
  const inputs = [
    draw.rows(tokens, keyHeads * keyDim),
    scaled(draw.rows(tokens, keyHeads * keyDim), (value) => value / Math.sqrt(keyDim)),
    draw.rows(tokens, heads * valueDim),
    scaled(draw.rows(tokens, heads), (value) => -Math.abs(value)),
    scaled(draw.rows(tokens, heads), (value) => 1 / (1 + Math.exp(-value))),
    ...(gradient ? [draw.rows(tokens, heads * valueDim)] : []),
  ];
  const attributes = {
    ...{ heads, keyHeads, keyDim, valueDim, state: 's' },
    ...{ delta: index % 2 === 0, tiled: index % 3 === 0, scale: index % 5 === 0 ? 0.5 : 1 },
  };
  return { inputs, attributes, sizes: { sequences, length: a } };
}

/** Widths of parts that a row is made of, some number of times. */
function partsCase({ a, b, c }: Dimensions, draw: Draw) {
  const [widths, groups] = [[draw.pick(1, 2, 3), Math.max(1, b), Math.max(1, c)], draw.pick(1, 2, 3)];
  const part = (width: number): Given => draw.rows(a, groups * width);
  return {
    whole: part(widths.reduce((sum, width) => sum + width)),
    parts: widths.map(part),
    attributes: { widths, groups },
  };
}

function batchNormCase({ a, b }: Dimensions, draw: Draw): OpCase {
  const [x, mean, gain, bias] = [draw.rows(a, b), draw.rows(b), draw.rows(b), draw.rows(b)];
  return { inputs: [x, mean, draw.positive(b), gain, bias], attributes: { epsilon } };
}

/** Groups of a norm within rows. */
function normCase({ a, b }: Dimensions, draw: Draw, gradient: boolean): OpCase {
  const groups = draw.pick(1, 2, 3);
  const [x, gain, dy] = [draw.rows(a, groups * b), draw.rows(b), draw.rows(a, groups * b)];
  return { inputs: gradient ? [x, gain, dy] : [x, gain], attributes: { epsilon } };
}

/** Every op's inputs at some sizes. A new op has a line here. */
const cases: Readonly<Record<string, CaseOf>> = {
  ...primitiveCases,
  lookup: ({ a, b, c }, draw) => ({ inputs: [draw.ids(a, Math.max(1, c)), draw.rows(Math.max(1, c), b)] }),
  select: ({ a, b, c }, draw) => ({ inputs: [draw.rows(Math.max(1, c), b), draw.ids(a, Math.max(1, c))] }),
  scatterRows: ({ a, b, c }, draw) => ({
    inputs: [draw.ids(a, Math.max(1, c)), draw.rows(a, b)],
    attributes: { rows: Math.max(1, c), columns: b },
  }),
  linear: ({ a, b, c }, draw) => ({ inputs: [draw.rows(a, b), draw.rows(c, b)] }),
  linearTransposed: ({ a, b, c, index }, draw) => ({
    inputs: [index % 2 === 0 ? null : draw.rows(a, b), draw.rows(a, c), draw.rows(c, b)],
  }),
  linearWeightGradient: ({ a, b, c, index }, draw) => ({
    inputs: [index % 2 === 0 ? null : draw.rows(c, b), draw.rows(a, c), draw.rows(a, b)],
  }),
  rmsNorm: (sizes, draw) => normCase(sizes, draw, false),
  rmsNormBackward: (sizes, draw) => normCase(sizes, draw, true),
  rmsNormGainGradient: (sizes, draw) => normCase(sizes, draw, true),
  rope: ropeCase,
  cache: ({ a, b }, draw) => ({ inputs: [draw.rows(a, b)], attributes: { state: 's', kind: 'k', headDim: b } }),
  attention: (sizes, draw) => attentionCase(sizes, draw, false),
  attentionBackward: (sizes, draw) => attentionCase(sizes, draw, true),
  shortConv: (dimensions, draw) => {
    const { rows, w, attributes, sizes } = convolutionCase(dimensions, draw);
    return { inputs: [rows(), w], attributes, sizes };
  },
  shortConvBackward: (dimensions, draw) => {
    const { rows, w, sizes } = convolutionCase(dimensions, draw);
    return { inputs: [rows(), w], sizes };
  },
  shortConvWeightGradient: (dimensions, draw) => {
    const { rows, w, sizes } = convolutionCase(dimensions, draw);
    return { inputs: [rows(), rows(), w], sizes };
  },
  linearAttention: (sizes, draw) => linearAttentionCase(sizes, draw, false),
  linearAttentionBackward: (sizes, draw) => linearAttentionCase(sizes, draw, true),
  split: (dimensions, draw) => {
    const { whole, attributes } = partsCase(dimensions, draw);
    return { inputs: [whole], attributes };
  },
  join: (dimensions, draw) => {
    const { parts, attributes } = partsCase(dimensions, draw);
    const absent = dimensions.index % 4;
    return { inputs: parts.map((part, i) => (i === absent ? null : part)), attributes };
  },
  scaleColumns: ({ a, b }, draw) => ({ inputs: [draw.rows(a, b * draw.pick(1, 2, 17)), draw.rows(b)] }),
  scaleColumnsGradient: ({ a, b }, draw) => {
    const width = b * draw.pick(1, 2, 17);
    return { inputs: [draw.rows(a, width), draw.rows(a, width), draw.rows(b)] };
  },
  add: ({ a, b }, draw) => ({ inputs: [draw.rows(a, b), draw.rows(a, b)] }),
  multiply: ({ a, b }, draw) => ({ inputs: [draw.rows(a, b), draw.rows(a, b)] }),
  addBias: ({ a, b }, draw) => ({ inputs: [draw.rows(a, b), draw.rows(b)] }),
  sumRows: ({ a, b }, draw) => ({ inputs: [draw.rows(a, b)] }),
  scale: ({ a, b, index }, draw) => ({
    inputs: [draw.rows(a, b)],
    attributes: { factor: [0.7, -3, 0, 1, 0.5][index % 5] },
  }),
  gated: ({ a, b, index }, draw) => ({
    inputs: [draw.rows(a, b), draw.rows(a, b)],
    attributes: { activation: gates[index % gates.length] },
  }),
  gatedBackward: ({ a, b, index }, draw) => ({
    inputs: [draw.rows(a, b), draw.rows(a, b), draw.rows(a, b)],
    attributes: { activation: gates[index % gates.length] },
  }),
  activate: ({ a, b, index }, draw) => ({
    inputs: [draw.rows(a, b)],
    attributes: { activation: activations[index % activations.length] },
  }),
  activateBackward: ({ a, b, index }, draw) => ({
    inputs: [draw.rows(a, b), draw.rows(a, b)],
    attributes: { activation: activations[index % activations.length] },
  }),
  route: (sizes, draw) => {
    const { logits, bias, attributes } = routeCase(sizes, draw, sizes.index);
    return { inputs: [logits, bias && { ...bias, fixed: true }], attributes };
  },
  routeBackward: (sizes, draw) => {
    const { logits, attributes, experts, k } = routeCase(sizes, draw, sizes.index);
    return { inputs: [logits, choices(sizes.a, experts, k, draw), draw.rows(sizes.a * k)], attributes };
  },
  keepSlots: ({ a, index }, draw) => {
    const [k, experts] = [draw.pick(1, 2, 3), 5];
    const numbers = () => Array.from({ length: k }, () => draw.pick(-1, -0.5, 0, 0.25, 1));
    const scores = index % 2 === 0 ? null : draw.rows(a, k);
    const biases = [0, 0.5, -0.5, 0, 1];
    const rule = { ratios: numbers(), levels: numbers(), offsets: numbers(), biases };
    const attributes = { k, experts, normalize: index % 3 === 0, ...rule };
    return { inputs: [choices(a, experts, k, draw), draw.positive(a * k), scores], attributes };
  },
  limitSlots: ({ a, index }, draw) => {
    const [k, experts] = [draw.pick(1, 2, 3), 5];
    const rule = { factor: draw.pick(0.5, 1, 2), reroute: index % 2 === 0, fill: index % 3 === 0 };
    const attributes = { k, experts, normalize: index % 5 === 0, ...rule };
    return { inputs: [draw.rows(a, experts), choices(a, experts, k, draw), draw.positive(a * k)], attributes };
  },
  slotsOfExperts: ({ a }, draw) => ({
    inputs: [choices(a, 5, 2, draw), draw.rows(2 * a)],
    attributes: { from: draw.pick(0, 1, 4), count: draw.pick(1, 3) },
  }),
  // Some go to no expert.
  dispatch: ({ a, b }, draw) => ({
    inputs: [draw.ids(a, Math.max(1, b) + 1)],
    attributes: { experts: Math.max(1, b) },
  }),
  gatherSlots: ({ a, b }, draw) => {
    const { k, order } = slots(a, draw);
    return { inputs: [draw.rows(a, b), order], attributes: { k } };
  },
  gatherSlotsBackward: ({ a, b }, draw) => {
    const { k, count, order } = slots(a, draw);
    return { inputs: [draw.rows(count, b), order, draw.rows(a, b)], attributes: { k } };
  },
  groupedLinear: ({ a, b, c }, draw) => {
    const [experts, width] = [draw.pick(1, 2, 3, 8), Math.max(1, c)];
    return { inputs: [draw.rows(a, b), draw.rows(experts * width, b), draw.offsets(experts, a)] };
  },
  groupedTransposed: ({ a, b, c }, draw) => {
    const experts = draw.pick(1, 2, 3, 8);
    return { inputs: [draw.rows(a, c), draw.rows(experts * c, b), draw.offsets(experts, a)] };
  },
  groupedWeightGradient: ({ a, b, c }, draw) => {
    const experts = draw.pick(1, 2, 3, 8);
    return { inputs: [draw.rows(a, c), draw.rows(a, b), draw.offsets(experts, a)] };
  },
  groupedBias: ({ a, b }, draw) => {
    const experts = draw.pick(1, 2, 3, 8);
    return { inputs: [draw.rows(a, b), draw.rows(experts * b), draw.offsets(experts, a)] };
  },
  groupedSumRows: ({ a, b }, draw) => ({ inputs: [draw.rows(a, b), draw.offsets(draw.pick(1, 2, 3, 8), a)] }),
  groupedScale: ({ a, b }, draw) => {
    const experts = draw.pick(1, 2, 3, 8);
    return { inputs: [draw.rows(a, b), draw.rows(experts), draw.offsets(experts, a)] };
  },
  groupedScaleGradient: ({ a, b }, draw) => ({
    inputs: [draw.rows(a, b), draw.rows(a, b), draw.offsets(draw.pick(1, 2, 3, 8), a)],
  }),
  headRows: ({ a, b }, draw) => {
    const heads = draw.pick(1, 2, 3, 8);
    return { inputs: [draw.rows(a, heads * b)], attributes: { heads } };
  },
  headColumns: ({ a, b }, draw) => {
    const heads = draw.pick(1, 2, 3, 8);
    return { inputs: [draw.rows(a * heads, b)], attributes: { heads } };
  },
  sumSlots: ({ a, b }, draw) => {
    const { k, count, order } = slots(a, draw);
    return { inputs: [draw.rows(count, b), order], attributes: { k } };
  },
  combine: ({ a, b }, draw) => {
    const { k, count, order } = slots(a, draw);
    return { inputs: [draw.rows(count, b), order, draw.rows(count)], attributes: { k } };
  },
  combineBackward: ({ a, b }, draw) => {
    const { k, count, order } = slots(a, draw);
    return { inputs: [draw.rows(count, b), order, draw.rows(count), draw.rows(a, b)], attributes: { k } };
  },
  scaleRows: ({ a, b }, draw) => ({ inputs: [draw.rows(a, b), draw.rows(a, 1)] }),
  scaleRowsBackward: ({ a, b }, draw) => ({ inputs: [draw.rows(a, b), draw.rows(a, 1), draw.rows(a, b)] }),
  batchNorm: batchNormCase,
  batchNormBackward: (sizes, draw) => {
    const { inputs, attributes } = batchNormCase(sizes, draw);
    return { inputs: [...inputs.slice(0, 4), draw.rows(sizes.a, sizes.b)], attributes };
  },
  batchStatistics: ({ a, b }, draw) => ({ inputs: [draw.rows(a, b)] }),
  batchStatisticsBackward: ({ a, b, index }, draw) => ({
    inputs: [
      ...[draw.rows(a, b), draw.rows(b)],
      ...[index % 3 === 0 ? null : draw.rows(b), index % 3 === 1 ? null : draw.rows(b)],
    ],
  }),
  patches: (sizes, draw) => windowsCase(sizes, draw, false),
  patchesTransposed: (sizes, draw) => windowsCase(sizes, draw, true),
  meanRows: (sizes, draw) => runsCase(sizes, draw, false),
  meanRowsBackward: (sizes, draw) => runsCase(sizes, draw, true),
  center: ({ a, b }, draw) => ({ inputs: [draw.rows(a, b)] }),
  columns: ({ a, b, c }, draw) => ({
    inputs: [draw.rows(a, b + c + 1)],
    attributes: { start: draw.pick(0, 1), count: b },
  }),
  endRows: (sizes, draw) => endRowsCase(sizes, draw, false),
  endRowsBackward: (sizes, draw) => endRowsCase(sizes, draw, true),
  sampledScore: ({ a, b }, draw) => ({
    inputs: [draw.rows(a, Math.max(1, b)), draw.uniform(a)],
    attributes: { state: 's' },
  }),
  probabilitySquares: ({ a, b }, draw) => ({ inputs: [draw.rows(a, b)], attributes: { state: 's' } }),
  gram: ({ a, b, index }, draw) => ({
    inputs: [draw.rows(a, b), index % 2 === 0 ? null : draw.positive(a)],
    attributes: { state: 's' },
  }),
  sequenceGram: ({ a, b, c }, draw) => {
    const sequences = draw.pick(1, 2, 3);
    return {
      inputs: [draw.rows(sequences * a, b), draw.rows(sequences * a, c)],
      attributes: { state: 's' },
      sizes: { sequences, length: a },
    };
  },
  rowEnergy: ({ a, b }, draw) => ({ inputs: [draw.rows(a, b)], attributes: { state: 's' } }),
  columnEnergy: ({ a, b }, draw) => ({ inputs: [draw.rows(a, b)] }),
  sketch: ({ a, b, index }, draw) => {
    const [sequences, stride] = [draw.pick(1, 2, 3), draw.pick(1, 2, 3)];
    return {
      inputs: [draw.rows(sequences * a, Math.ceil(b / stride)), draw.rows(sequences * a, b)],
      attributes: { stride, output: index % 2 === 0 },
      sizes: { sequences, length: a },
    };
  },
};
