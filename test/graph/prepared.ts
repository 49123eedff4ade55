import assert from 'node:assert/strict';
import { Random } from '../../src/core/random.ts';
import { differentiate } from '../../src/graph/differentiate.ts';
import { expand } from '../../src/graph/expand.ts';
import type { Graph, Op, ValueId } from '../../src/graph/types.ts';
import { countOf, type Sizes } from '../../src/kernels/program.ts';
import { CASES, casesOf, type OpCase } from './cases.ts';
import { graphOf, type Numbers } from './float64.ts';

/* Cases of ops as graphs of one node, and what tests ask of them. */

export interface Prepared {
  readonly graph: Graph;
  /** Values of the inputs, by id. */
  readonly given: ReadonlyMap<ValueId, Float32Array | Int32Array>;
  /** Inputs that nothing is differentiated by. */
  readonly fixed: ReadonlySet<ValueId>;
  readonly sizes: Sizes;
}

export function prepared(op: string, { inputs: given, attributes = {}, sizes }: OpCase): Prepared {
  const { graph, inputs } = graphOf(op, given, attributes);
  const values = new Map(inputs.flatMap((id, i) => (id === null ? [] : [[id, given[i]!.values] as const])));
  const fixed = new Set(inputs.filter((id, i) => id !== null && given[i]!.fixed === true) as ValueId[]);
  const { sequences, length } = sizes ?? { sequences: 1, length: 1 };
  return {
    graph,
    given: values,
    fixed,
    sizes: { sequences, length, tokens: sequences * length, past: 0, context: length },
  };
}

/** Largest difference, in units of the largest of the expected numbers where that is above 1. */
export function distance(found: ArrayLike<number>, expected: ArrayLike<number>): number {
  assert.equal(found.length, expected.length);
  let [worst, largest] = [0, 1];
  for (let i = 0; i < expected.length; i++) {
    assert.ok(Number.isFinite(expected[i]) && Number.isFinite(found[i]), `${found[i]} for ${expected[i]}`);
    worst = Math.max(worst, Math.abs(found[i] - expected[i]));
    largest = Math.max(largest, Math.abs(expected[i]));
  }
  return worst / largest;
}

const asFloat64 = (values: Float32Array | Int32Array): Numbers =>
  values instanceof Float32Array ? Float64Array.from(values) : values;

export const widened = (given: Prepared['given']): Map<ValueId, Numbers> =>
  new Map([...given].map(([id, values]) => [id, asFloat64(values)]));

export const isFloat = (graph: Graph, id: ValueId): boolean => graph.values[id].type === 'f32';

/**
 * A graph with gradients at all float inputs, its seeds, and values of everything that it reads. Odd seeds give the
 * inputs gradients of their own too, as those of values that several nodes read: shares are added to them.
 */
export function withGradients({ graph, given, fixed, sizes }: Prepared, seed: number) {
  const random = new Random(seed);
  const normals = (length: number) => Float32Array.from({ length }, () => random.normal());
  const outputs = graph.outputs.filter((id) => isFloat(graph, id));
  const wanted = [...given.keys()].filter((id) => isFloat(graph, id) && !fixed.has(id));
  const gradients = differentiate(graph, seed % 2 === 0 ? outputs : [...outputs, ...wanted], wanted);
  const all = new Map(given);
  const seeds = new Map<ValueId, Float32Array>();
  for (const [id, value] of gradients.graph.values.entries()) {
    if (value.source !== 'input' || all.has(id)) continue;
    all.set(id, normals(countOf(value.shape, sizes)));
    seeds.set(Number(value.name.split(' ')[1]), all.get(id) as Float32Array);
  }
  const directions = new Map(wanted.map((id) => [id, normals(given.get(id)!.length)]));
  return { ...gradients, seeds, directions, prepared: { graph: gradients.graph, given: all, fixed, sizes } };
}

export const inner = (a: ArrayLike<number>, b: ArrayLike<number>): number =>
  Array.from(a, (value, i) => value * b[i]).reduce((sum, value) => sum + value, 0);

/** Calls with each case of some ops. @throws AssertionError that names the first case of every op that fails */
export async function everyCase(
  chosen: readonly Op[],
  visit: (op: Op, given: OpCase, index: number) => void | Promise<void>,
): Promise<void> {
  const failed = new Map<string, string>();
  let count = 0;
  for (const op of chosen) {
    for (const [index, given] of casesOf(op.name).entries()) {
      try {
        await visit(op, given, index);
      } catch (error) {
        const shapes = JSON.stringify(given.inputs.map((input) => input?.shape ?? null));
        const subject = `case ${index}: ${shapes} ${JSON.stringify(given.attributes ?? {})}`;
        if (!failed.has(op.name)) failed.set(op.name, `${subject}: ${(error as Error).message}`);
      }
      count++;
    }
  }
  assert.deepEqual(Object.fromEntries(failed), {});
  assert.equal(count, chosen.length * CASES);
}

/** The same network in primitives, with what it is given under its own ids. */
export function expanded(one: Prepared): Prepared {
  const graph = expand(one.graph, one.sizes);
  const idOf = (id: ValueId): ValueId | undefined =>
    graph.values.findIndex(
      (value) => value.source === 'input' && value.name === (one.graph.values[id] as { name: string }).name,
    );
  const moved = [...one.given].map(([id, values]) => [idOf(id), values] as const).filter(([id]) => id !== -1);
  return {
    ...one,
    graph,
    given: new Map(moved as [ValueId, Float32Array][]),
    fixed: new Set([...one.fixed].map(idOf) as ValueId[]),
  };
}
