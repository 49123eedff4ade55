import fc from 'fast-check';
import { Random } from '../../src/core/random.ts';
import { GraphBuilder } from '../../src/graph/build.ts';
import type { Attributes, Graph, Target, ValueId } from '../../src/graph/types.ts';
import type { Kernels } from '../../src/kernels/contract.ts';

/** A node of a random graph: what it does, and which of the values there are it reads. */
interface Step {
  readonly op: (typeof OPS)[number];
  readonly picks: readonly [number, number];
}

const OPS = [
  'add',
  'scale',
  'addBias',
  'gated',
  'rmsNorm',
  'cache',
  'select',
  'linear',
  'linear of a gradient',
  'linearTransposed',
  'linearTransposed with addend',
  'linearWeightGradient',
  'linearWeightGradient with addend',
] as const;

export interface RandomGraph {
  readonly graph: Graph;
  /** Values that are asked for besides the outputs. */
  readonly taps: readonly ValueId[];
  /** Columns of every matrix of rows. */
  readonly width: number;
  readonly rows: number;
}

const TENSORS = 3;
/** Bits that inputs of the first tensor's products are rounded to: products with memory of their own. */
const BITS = 4;

export const target: Target = { states: 'whole', inputBits: (tensor) => (tensor === 'w0' ? BITS : undefined) };

/** Graphs of 1 to 40 nodes over two inputs, in which ops that work in place meet values that others still read. */
export const randomGraphs: fc.Arbitrary<RandomGraph> = fc
  .record({
    steps: fc.array(fc.record({ op: fc.constantFrom(...OPS), picks: fc.tuple(fc.nat(), fc.nat()) }), {
      minLength: 1,
      maxLength: 40,
    }),
    width: fc.constantFrom(1, 2, 3, 8, 17),
    rows: fc.integer({ min: 1, max: 5 }),
    outputs: fc.array(fc.nat(), { minLength: 1, maxLength: 3 }),
    taps: fc.array(fc.nat(), { maxLength: 4 }),
  })
  .map(({ steps, width, rows, outputs, taps }) => {
    const build = new GraphBuilder();
    const all = steppedThrough(build, steps, width);
    const chosen = (picks: readonly number[]): ValueId[] => [...new Set(picks.map((pick) => all[pick % all.length]))];
    return { graph: build.finish(chosen(outputs)), taps: chosen(taps), width, rows };
  });

/** Adds the nodes. → all values of theirs, and the inputs */
function steppedThrough(build: GraphBuilder, steps: readonly Step[], width: number): ValueId[] {
  const tokens = { of: 'tokens', times: 1 };
  const values = [build.input('a', 'f32', [tokens, width]), build.input('b', 'f32', [tokens, width])];
  const gradients: ValueId[] = [];
  const order = build.input('order', 'i32', [tokens]);
  for (const [index, { op, picks }] of steps.entries()) {
    const [x, y] = picks.map((pick) => values[pick % values.length]);
    const w = build.weight(`w${picks[1] % TENSORS}`, [width, width]);
    const made = gradients.length === 0 ? undefined : gradients[picks[1] % gradients.length];
    const add = (name: string, inputs: (ValueId | null)[], attributes?: Attributes): number =>
      values.push(build.node(name, inputs, attributes));
    const addGradient = (addend: ValueId | null): number =>
      gradients.push(build.node('linearWeightGradient', [addend, x, y]));
    if (op === 'add') add(op, [x, y]);
    else if (op === 'scale') add(op, [x], { factor: 0.75 });
    else if (op === 'addBias') add(op, [x, build.weight('bias', [width])]);
    else if (op === 'gated') add(op, [x, y], { activation: 'silu' });
    else if (op === 'rmsNorm') add(op, [x, build.weight('gain', [width])], { epsilon: 1e-5 });
    else if (op === 'cache') add(op, [x], { state: `s${index}`, kind: 'k', headDim: width });
    else if (op === 'select') add(op, [x, order]);
    else if (op === 'linear') add(op, [x, w]);
    else if (op === 'linear of a gradient') add('linear', [x, made ?? w]);
    else if (op === 'linearTransposed') add(op, [null, x, w]);
    else if (op === 'linearTransposed with addend') add('linearTransposed', [y, x, w]);
    else addGradient(op === 'linearWeightGradient' ? null : (made ?? null));
  }
  return [...values, ...gradients];
}

/** Numbers of every value from outside, by name. */
export function randomInputs({ width, rows }: RandomGraph, seed: number): Map<string, Float32Array | Int32Array> {
  const random = new Random(seed);
  const normals = (length: number, scale: number): Float32Array =>
    Float32Array.from({ length }, () => scale * random.normal());
  const values = new Map<string, Float32Array | Int32Array>();
  for (const name of ['a', 'b']) values.set(name, normals(rows * width, 1));
  for (let i = 0; i < TENSORS; i++) values.set(`w${i}`, normals(width * width, 0.7 / Math.sqrt(width)));
  for (const name of ['bias', 'gain']) values.set(name, normals(width, 1));
  values.set(
    'order',
    Int32Array.from({ length: rows }, () => random.integer(rows)),
  );
  return values;
}

/** Every value of a graph in memory of its own, node by node, without a schedule. */
export function evaluated(
  kernels: Kernels,
  { graph, width, rows }: RandomGraph,
  outside: ReadonlyMap<string, Float32Array | Int32Array>,
): Map<ValueId, Float32Array> {
  const found = new Map<ValueId, Float32Array>();
  const read = (id: ValueId | null): Float32Array => {
    const value = graph.values[id!];
    if (value.source === 'weight') return outside.get(value.tensor)!.slice() as Float32Array;
    if (value.source === 'input') return outside.get(value.name)!.slice() as Float32Array;
    return found.get(id!)!.slice();
  };
  for (const { op, inputs, outputs, attributes } of graph.nodes) {
    const [x, y, z] = inputs.map((id) => (id === null ? undefined : read(id)));
    const fresh = new Float32Array(rows * width);
    let made: Float32Array = fresh;
    if (op === 'add') made = x!.map((value, i) => value + y![i]);
    else if (op === 'scale') made = x!.map((value) => value * (attributes.factor as number));
    else if (op === 'addBias') made = x!.map((value, i) => value + y![i % width]);
    else if (op === 'gated') kernels.gated(x!, y!, fresh, 'silu');
    else if (op === 'rmsNorm') kernels.rmsNorm(x!, y!, fresh, width, attributes.epsilon as number);
    else if (op === 'cache') made = x!;
    else if (op === 'select') made = x!.map((_, i) => x![y![Math.floor(i / width)] * width + (i % width)]);
    else if (op === 'linear') {
      const weight = graph.values[inputs[1]!];
      if (weight.source === 'weight' && weight.tensor === 'w0') kernels.roundToBits(x!, BITS, x!);
      kernels.matmulNT(x!, y!, fresh, rows, width, width);
    } else if (op === 'linearTransposed') {
      made = x ?? fresh;
      kernels.matmulNN(y!, z!, made, rows, width, width, x !== undefined);
    } else {
      made = x ?? new Float32Array(width * width);
      kernels.matmulTN(y!, z!, made, width, width, rows, x !== undefined);
    }
    found.set(outputs[0], made);
  }
  for (const [id, value] of graph.values.entries()) if (value.source === 'input') found.set(id, read(id));
  return found;
}
