import assert from 'node:assert/strict';
import { before, test } from 'node:test';
import { defaultDevice, grad, init, type numpy as np } from '@jax-js/jax';
import { ops } from '../../src/graph/ops/index.ts';
import type { ValueId } from '../../src/graph/types.ts';
import { casesOf } from './cases.ts';
import { evaluate64 } from './float64.ts';
import { jaxArray, runByJax } from './jax-primitives.ts';
import { distance, expanded, isFloat, type Prepared, prepared, widened, withGradients } from './prepared.ts';

/*
 * Every op against an engine that is not ours: jax-js computes what the op expands into, and differentiates it by its own
 * rules.
 */

before(async () => {
  await init('wasm');
  defaultDevice('wasm');
});

/** An order of slots is a choice, which jax-js has no function for; the op's rows are the gradient of `headColumns`. */
const ORDERS = ['headRows'];

/** Ops that read a choice alone, sum into states, or have no expansion are left out. */
const expandable = ops.filter(
  ({ name, expand, primitive }) => expand !== undefined && primitive === undefined && !ORDERS.includes(name),
);
const CASES = 20;

/** Cases in which something is computed: jax-js knows no empty arrays. */
const full = (op: string): Prepared[] =>
  casesOf(op)
    .filter(({ inputs }) => inputs.every((input) => input === null || input.values.length > 0))
    .map((one) => prepared(op, one))
    .filter(({ graph }) => graph.outputs.every((id) => !graph.values[id].shape.includes(0)))
    .slice(0, CASES);

const shapeOf = ({ graph }: Prepared, id: ValueId): number[] => graph.values[id].shape as number[];

/** Inputs as jax-js has them, under the ids of a graph. */
function givenTo(one: Prepared): Map<ValueId, np.Array> {
  return new Map([...one.given].map(([id, values]) => [id, jaxArray(values, shapeOf(one, id))]));
}

for (const op of expandable) {
  test(`${op.name}: ${CASES} cases by jax-js, to 1e-4 of the largest number, and its gradients`, async () => {
    const cases = full(op.name);
    assert.equal(cases.length, CASES);
    for (const [index, one] of cases.entries()) {
      const primitives = expanded(one);
      const expected = evaluate64(one.graph, widened(one.given), one.sizes);
      const found = runByJax(primitives.graph, givenTo(primitives), primitives.sizes);
      for (const [i, id] of one.graph.outputs.entries()) {
        const values = await found.get(primitives.graph.outputs[i])!.data();
        assert.ok(distance(values, expected.get(id)!) <= 1e-4, `case ${index}, output ${i}`);
      }
      if (op.vjp !== undefined) await compareGradients(one, primitives, 2 * index);
    }
  });
}

/** Of Σ seeds · outputs: by jax-js from the primitives, and by ours from the op. */
async function compareGradients(one: Prepared, primitives: Prepared, seed: number): Promise<void> {
  const { prepared: whole, gradientOf, seeds } = withGradients(one, seed);
  const values = evaluate64(whole.graph, widened(whole.given), whole.sizes);
  const nameOf = (from: Prepared, id: ValueId): string => (from.graph.values[id] as { name: string }).name;
  const wanted = [...one.given.keys()].filter((id) => isFloat(one.graph, id) && !one.fixed.has(id));
  const places = new Map([...primitives.given.keys()].map((id) => [nameOf(primitives, id), id]));
  const reached = wanted.filter((id) => places.has(nameOf(one, id)));
  const parameters = Object.fromEntries(reached.map((id) => [`${id}`, jaxArray(one.given.get(id)!, shapeOf(one, id))]));
  const loss = (given: Record<string, np.Array>): np.Array => {
    const inputs = givenTo(primitives);
    for (const id of reached) inputs.set(places.get(nameOf(one, id))!, given[`${id}`]);
    const found = runByJax(primitives.graph, inputs, primitives.sizes);
    const parts = one.graph.outputs.flatMap((id, i) => {
      const seedOf = seeds.get(id);
      const output = primitives.graph.outputs[i];
      return seedOf === undefined
        ? []
        : [
            found
              .get(output)!
              .ref.mul(jaxArray(seedOf, shapeOf(primitives, output)))
              .sum(),
          ];
    });
    return parts.reduce((sum, next) => sum.add(next));
  };
  const gradients = grad(loss)(parameters) as Record<string, np.Array>;
  for (const id of reached) {
    const ours = gradientOf(id);
    const theirs = await gradients[`${id}`].data();
    const expected = ours === undefined ? new Float64Array(theirs.length) : values.get(ours)!;
    assert.ok(
      distance(theirs, expected) <= 1e-4,
      `gradient of ${nameOf(one, id)} ${JSON.stringify(one.graph.nodes[0].attributes)}`,
    );
  }
}
