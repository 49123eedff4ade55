import assert from 'node:assert/strict';
import { test } from 'node:test';
import { GraphBuilder } from '../../src/graph/build.ts';
import { differentiate } from '../../src/graph/differentiate.ts';
import { expand, specialise } from '../../src/graph/expand.ts';
import type { Attributes } from '../../src/graph/types.ts';
import { evaluate64, graphOf } from './float64.ts';

/** One op on numbers written here. */
function valuesOf(
  op: string,
  inputs: readonly (readonly [shape: number[], values: number[]])[],
  attributes: Attributes,
) {
  const types = inputs.map(([shape]) => ({ type: 'f32' as const, shape }));
  const { graph, inputs: ids } = graphOf(op, types, attributes);
  const given = new Map(ids.map((id, i) => [id!, Float64Array.from(inputs[i][1])]));
  return [...evaluate64(graph, given, {}).get(graph.outputs[0])!];
}

const matrix = [
  [2, 3],
  [1, 2, 3, 4, 5, 6],
] as const;
const of = ([shape, values]: typeof matrix): [number[], number[]] => [[...shape], [...values]];

test('einsum multiplies, sums, transposes and repeats, as worked out by hand', () => {
  const einsum = (subscripts: string, inputs: [number[], number[]][], more: Attributes = {}) =>
    valuesOf('einsum', inputs, { subscripts, ...more });
  assert.deepEqual(einsum('ab->ba', [of(matrix)]), [1, 4, 2, 5, 3, 6]);
  assert.deepEqual(einsum('ab->a', [of(matrix)]), [6, 15]);
  assert.deepEqual(einsum('ab->', [of(matrix)], { factor: 2 }), [42]);
  assert.deepEqual(einsum('ab,cb->ac', [of(matrix), of(matrix)]), [14, 32, 32, 77]);
  assert.deepEqual(einsum('ab,b->ab', [of(matrix), [[3], [1, 0, -1]]]), [1, 0, -3, 4, 0, -6]);
  assert.deepEqual(einsum('b->ab', [[[3], [7, 8, 9]]], { sizes: { a: 2 } }), [7, 8, 9, 7, 8, 9]);
});

test('parts are taken and put back with gaps, as worked out by hand', () => {
  const where = { starts: [0, 1], steps: [1, 1] };
  assert.deepEqual(valuesOf('slice', [of(matrix)], { ...where, sizes: [2, 2] }), [2, 3, 5, 6]);
  const gaps = { starts: [1, 0], steps: [1, 2] };
  assert.deepEqual(valuesOf('slice', [of(matrix)], { ...gaps, sizes: [1, 2] }), [4, 6]);
  assert.deepEqual(
    valuesOf(
      'place',
      [
        [
          [1, 2],
          [4, 6],
        ],
      ],
      { ...gaps, shape: [2, 3] },
    ),
    [0, 0, 0, 4, 0, 6],
  );
  assert.deepEqual(valuesOf('maximum', [of(matrix)], {}), [3, 6]);
});

test('erf has the values of tables within 1e-15', () => {
  // Abramowitz and Stegun, table 7.1, and the limits.
  const table = [
    [0, 0],
    [0.5, 0.5204998778130465],
    [1, 0.8427007929497149],
    [2, 0.9953222650189527],
    [-1, -0.8427007929497149],
    [7, 1],
    [-Infinity, -1],
  ];
  const found = valuesOf('erf', [[[table.length], table.map(([x]) => x)]], {});
  for (const [i, [x, y]] of table.entries()) assert.ok(Math.abs(found[i] - y) <= 1e-15, `erf(${x}) = ${found[i]}`);
});

test('what does not fit is refused in one line', () => {
  const refused: [string, number[][], Attributes, RegExp][] = [
    ['einsum', [[2, 3]], { subscripts: 'aa->a' }, /subscripts are aa->a/],
    ['einsum', [[2, 3]], { subscripts: 'ab,b->a' }, /1 inputs, expected 2/],
    ['einsum', [[2, 3], [4]], { subscripts: 'ab,b->a' }, /b is 3 and 4/],
    ['einsum', [[2]], { subscripts: 'a->ab' }, /nothing tells the size of b/],
    ['reshape', [[2, 3]], { shape: [4] }, /another number of values/],
    ['slice', [[2, 3]], { starts: [0, 2], steps: [1, 1], sizes: [2, 2] }, /not within \[2, 3\]/],
    ['slice', [[2, 3]], { starts: [0], steps: [1, 1], sizes: [2, 2] }, /starts is \[0\], expected 2/],
    ['maximum', [[2, 0]], {}, /expected numbers along its last axis/],
  ];
  for (const [op, shapes, attributes, message] of refused) {
    const types = shapes.map((shape) => ({ type: 'f32' as const, shape }));
    assert.throws(() => graphOf(op, types, attributes), message);
  }
});

test('a graph with symbols is expanded for one size of them; a gradient made by a kernel is not', () => {
  const build = new GraphBuilder();
  const x = build.input('x', 'f32', [{ of: 'tokens', times: 2 }, 3]);
  const graph = build.finish([build.node('activate', [x], { activation: 'silu' })]);
  assert.throws(() => specialise(graph, {}), /size tokens is not bound/);
  const primitives = expand(graph, { tokens: 4 });
  assert.deepEqual(primitives.values[primitives.outputs[0]].shape, [8, 3]);
  assert.ok(primitives.nodes.length > 1);
  assert.throws(
    () => expand(differentiate(graph, graph.outputs, [x]).graph, { tokens: 4 }),
    /op activateBackward has no expansion/,
  );
});
