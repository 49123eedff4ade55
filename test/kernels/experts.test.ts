import assert from 'node:assert/strict';
import { test } from 'node:test';
import { Random } from '../../src/core/random.ts';
import type { RouteShape } from '../../src/kernels/contract/experts.ts';
import {
  assertClose,
  assertSlopes,
  indexes,
  normal,
  type Operation,
  onEveryBuild,
  reference,
  routeShape,
} from './support.ts';

/** Inputs: logits, and a bias where the choice has one. */
const routeBy =
  (shape: RouteShape): Operation =>
  (on, logits, bias) => {
    const slots = (logits.length / shape.experts) * shape.k;
    const [ids, weights] = [on.i32(slots).fill(-1), on.f32(slots).fill(9)];
    on.route(logits, bias, shape, ids, weights);
    return [Float32Array.from(ids), weights];
  };
/** Inputs: logits, gradients at the weights, and a bias where the choice has one. */
const routeBackwardBy =
  (shape: RouteShape): Operation =>
  (on, logits, dWeights, bias) => {
    const [ids, weights] = [on.i32(dWeights.length), on.f32(dWeights.length)];
    on.route(logits, bias, shape, ids, weights);
    const dLogits = on.f32(logits.length).fill(9);
    on.routeBackward(logits, ids, shape, dWeights, dLogits);
    return [dLogits];
  };
const route = (experts: number, k: number, normalize: boolean): Operation => routeBy(routeShape(experts, k, normalize));
const routeBackward = (experts: number, k: number, normalize: boolean): Operation =>
  routeBackwardBy(routeShape(experts, k, normalize));

/** [tokens, experts, k] */
const routes: [number, number, number][] = [
  [0, 4, 2],
  [1, 1, 1],
  [2, 2, 1],
  [3, 2, 2],
  [2, 3, 2],
  [31, 31, 4],
  [5, 33, 33],
  [33, 16, 4],
  [7, 60, 4],
  [3, 128, 8],
  [2, 257, 3],
];

test('route chooses as the reference; weights and routeBackward are within 1e-6 of it', async () => {
  const random = new Random(41);
  let cases = 0;
  await onEveryBuild((kernels) => {
    for (const [tokens, experts, k] of routes) {
      for (const normalize of [false, true]) {
        const logits = normal(random, tokens * experts).map((value) => 3 * value);
        const dWeights = normal(random, tokens * k);
        const label = `${tokens} tokens, ${k} of ${experts}`;
        const choose: Operation = (on, x) => route(experts, k, normalize)(on, x).slice(0, 1);
        assertClose(kernels, choose, [logits], 0, { label });
        assertClose(kernels, route(experts, k, normalize), [logits], 1e-6, { label });
        assertClose(kernels, routeBackward(experts, k, normalize), [logits, dWeights], 1e-6, { label });
        cases++;
      }
    }
  });
  assert.equal(cases, 3 * 2 * routes.length);
});

/** Attributes of a router beside the plain softmax; experts are 12. */
const routers: [string, Partial<RouteShape>][] = [
  ['sigmoids', { gating: 'sigmoid' }],
  ['a factor', { scale: 2.5 }],
  ['groups', { groups: 4, usedGroups: 2 }],
  ['groups by their best', { groups: 3, usedGroups: 1, groupBest: 1 }],
  ['groups of sigmoids', { gating: 'sigmoid', groups: 4, usedGroups: 3, scale: 0.5 }],
];

test('sigmoids, biases, factors and groups choose as the reference; weights and gradients are within 1e-6', async () => {
  const random = new Random(47);
  const [tokens, experts, k] = [33, 12, 4];
  let cases = 0;
  await onEveryBuild((kernels) => {
    for (const [label, more] of routers) {
      for (const normalize of [false, true]) {
        const shape = routeShape(experts, k, normalize, more);
        const [logits, bias] = [normal(random, tokens * experts), normal(random, experts)];
        const dWeights = normal(random, tokens * k);
        for (const inputs of [[logits], [logits, bias]]) {
          const choose: Operation = (on, ...given) => routeBy(shape)(on, ...given).slice(0, 1);
          assertClose(kernels, choose, inputs, 0, { label });
          assertClose(kernels, routeBy(shape), inputs, 1e-6, { label });
          assertClose(kernels, routeBackwardBy(shape), [logits, dWeights, ...inputs.slice(1)], 1e-6, { label });
          cases++;
        }
      }
    }
  });
  assert.equal(cases, 3 * 2 * 2 * routers.length);
});

test('routers choose by hand: by gate and bias, within the groups whose best two sum to most', () => {
  const logits = Float32Array.of(2, -3, 1, 0.9, 0, 0);
  const chosen = (bias: Float32Array | undefined, more: Partial<RouteShape>): number[] => {
    const [ids, weights] = [new Int32Array(2), new Float32Array(2)];
    reference.route(logits, bias, routeShape(6, 2, false, more), ids, weights);
    for (const [i, id] of ids.entries())
      assert.ok(Math.abs(weights[i] - (more.scale ?? 1) / (1 + Math.exp(-logits[id]))) < 1e-6, 'a weight has no bias');
    return [...ids];
  };
  assert.deepEqual(chosen(undefined, { gating: 'sigmoid' }), [0, 2]);
  assert.deepEqual(chosen(Float32Array.of(0, 0, 0, 0, 0.5, 0), { gating: 'sigmoid', scale: 3 }), [4, 0]);
  // Gates are 0.88 and 0.05, 0.73 and 0.71, 0.5 and 0.5.
  assert.deepEqual(chosen(undefined, { gating: 'sigmoid', groups: 3, usedGroups: 1 }), [2, 3]);
  assert.deepEqual(chosen(undefined, { gating: 'sigmoid', groups: 3, usedGroups: 1, groupBest: 1 }), [0, 1]);
});

/** Rows of 6: ties, outliers, infinities, denormals, NaN. */
const oddLogits = [
  [0, 0, 0, 0, 0, 0],
  [1, 2, 2, 1, 2, 1],
  [-Infinity, -Infinity, 3, -Infinity, -Infinity, 3],
  [-Infinity, 1, Number.NaN, -Infinity, 2, 0],
  [1e30, -1e30, 1e4, 0, 1e30, 1e-40],
  [1e-40, -1e-40, 2e-40, 0, -0, 3e-40],
  [Infinity, 0, 1, -Infinity, 2, 1],
  [Number.NaN, Number.NaN, Number.NaN, Number.NaN, Number.NaN, Number.NaN],
];
/** By hand: the three largest, of equal ones the lower index. */
const oddChoices = [
  [0, 1, 2],
  [1, 2, 4],
  [2, 5, 0],
  [4, 1, 5],
  [0, 4, 2],
  [5, 2, 0],
  [0, 4, 2],
  [0, 1, 2],
];

test('route breaks ties by index, and odd logits give the choice by hand, distinct experts always', async () => {
  const logits = Float32Array.from(oddLogits.flat());
  let cases = 0;
  const check = (ids: Float32Array) => {
    oddChoices.forEach((expected, token) => {
      assert.deepEqual([...ids.subarray(3 * token, 3 * token + 3)], expected, `token ${token}`);
      cases++;
    });
  };
  check(route(6, 3, true)(reference, logits)[0]);
  await onEveryBuild((kernels) => {
    check(route(6, 3, false)(kernels, kernels.upload(logits))[0]);
    for (const normalize of [false, true]) {
      assertClose(kernels, route(6, 3, normalize), [logits], 1e-6, { label: 'odd' });
      const dWeights = Float32Array.from({ length: 24 }, (_, i) => i / 7 - 1);
      assertClose(kernels, routeBackward(6, 3, normalize), [logits, dWeights], 1e-6, { label: 'odd backward' });
    }
  });
  assert.equal(cases, 4 * oddChoices.length);
});

test('routeBackward matches finite differences within 1e-3', () => {
  const random = new Random(42);
  let cases = 0;
  for (const normalize of [false, true]) {
    for (const [experts, k] of [
      [5, 1],
      [5, 3],
      [4, 4],
    ]) {
      const logits = normal(random, 3 * experts);
      const forward: Operation = (on, x) => route(experts, k, normalize)(on, x).slice(1);
      cases += assertSlopes(forward, routeBackward(experts, k, normalize), [logits], normal(random, 3 * k), 1e-3);
    }
  }
  assert.equal(cases, 84);
  for (const more of [{ gating: 'sigmoid', scale: 2.5 }, { scale: 0.5 }] as const) {
    for (const normalize of [false, true]) {
      const [logits, shape] = [normal(random, 3 * 5), routeShape(5, 3, normalize, more)];
      const forward: Operation = (on, x) => routeBy(shape)(on, x).slice(1);
      cases += assertSlopes(forward, routeBackwardBy(shape), [logits], normal(random, 9), 1e-3);
    }
  }
  assert.equal(cases, 84 + 4 * 15);
});

/** Distinct experts for every token. */
function choices(random: Random, tokens: number, experts: number, k: number): number[] {
  return Array.from({ length: tokens }, () => {
    const all = Array.from({ length: experts }, (_, e) => e);
    return Array.from({ length: k }, () => all.splice(random.integer(all.length), 1)[0]);
  }).flat();
}

/** An order of slots with a run for each expert, by the reference. */
function orderOf(random: Random, tokens: number, experts: number, k: number): Int32Array {
  const order = new Int32Array(tokens * k);
  const ids = Int32Array.from(choices(random, tokens, experts, k));
  reference.groupByExpert(ids, experts, order, new Int32Array(experts + 1));
  return order;
}

test('groupByExpert sorts stably and equals the reference, experts without slots included', async () => {
  const random = new Random(43);
  let cases = 0;
  await onEveryBuild((kernels) => {
    for (const [tokens, experts, k] of [...routes, [40, 3, 1], [1, 16, 4]]) {
      // Some go to no expert.
      const ids = choices(random, tokens, experts, k).map((id, i) => (id % 3 === 1 ? 0 : i % 5 === 3 ? experts : id));
      const run = (on: typeof kernels) => {
        const [order, offsets] = [on.i32(ids.length).fill(-1), on.i32(experts + 1).fill(-1)];
        on.groupByExpert(indexes(on, ids), experts, order, offsets);
        return { order: [...order], offsets: [...offsets] };
      };
      const { order, offsets } = run(kernels);
      assert.deepEqual({ order, offsets }, run(reference));
      const sorted = ids.map((_, slot) => slot).sort((a, b) => ids[a] - ids[b] || a - b);
      assert.deepEqual(order, sorted);
      assert.equal(offsets[experts], ids.filter((id) => id < experts).length);
      cases++;
    }
  });
  assert.equal(cases, 3 * (routes.length + 2));
});

const gather =
  (order: Int32Array, k: number, columns: number): Operation =>
  (on, x) => {
    const y = on.f32(order.length * columns).fill(9);
    on.gatherSlots(x, indexes(on, order), k, y, columns);
    return [y];
  };
const gatherBackward =
  (order: Int32Array, k: number, columns: number): Operation =>
  (on, dy) => {
    const dx = on.f32((order.length / k) * columns).fill(9);
    on.gatherSlotsBackward(dy, indexes(on, order), k, dx, columns);
    return [dx];
  };
const combine =
  (order: Int32Array, k: number, columns: number): Operation =>
  (on, y, weights) => {
    const out = on.f32((order.length / k) * columns).fill(9);
    on.combine(y, indexes(on, order), weights, out, k, columns);
    return [out];
  };
const combineBackward =
  (order: Int32Array, k: number, columns: number): Operation =>
  (on, y, weights, dOut) => {
    const gradients = [on.f32(y.length).fill(9), on.f32(weights.length).fill(9)];
    on.combineBackward(y, indexes(on, order), weights, dOut, gradients[0], gradients[1], k, columns);
    return gradients;
  };

/** Small and unaligned numbers of tokens and columns, 1 to 4 of 5 experts each. */
const sizes = [0, 1, 2, 3, 31, 33];
/** [tokens, experts, k, columns] */
const slotShapes = [
  ...sizes.flatMap((tokens) => sizes.map((columns, i) => [tokens, 5, 1 + (i % 4), columns])),
  [5, 60, 8, 64],
];

test('gatherSlots equals the reference; its backward, combine and combineBackward are within 2e-6 of it', async () => {
  const random = new Random(44);
  let cases = 0;
  await onEveryBuild((kernels) => {
    for (const [tokens, experts, k, columns] of slotShapes) {
      const order = orderOf(random, tokens, experts, k);
      const [x, y] = [normal(random, tokens * columns), normal(random, tokens * k * columns)];
      if (y.length > 4) y.set([1e4, -0, 1e-40, 0]);
      const weights = normal(random, tokens * k);
      const label = `${tokens} tokens, ${k} of ${experts}, ${columns} columns`;
      assertClose(kernels, gather(order, k, columns), [x], 0, { label });
      assertClose(kernels, gatherBackward(order, k, columns), [y], 2e-6, { label });
      assertClose(kernels, combine(order, k, columns), [y, weights], 2e-6, { label });
      const floor = Math.max(1, Math.sqrt(columns));
      assertClose(kernels, combineBackward(order, k, columns), [y, weights, x], 2e-6, { label, floor });
      cases++;
    }
  });
  assert.equal(cases, 3 * slotShapes.length);
});

test('infinities and NaN of a slot reach its own token alone', async () => {
  const random = new Random(45);
  let cases = 0;
  await onEveryBuild((kernels) => {
    const order = orderOf(random, 9, 5, 2);
    for (const value of [Infinity, -Infinity, Number.NaN]) {
      const y = normal(random, 18 * 5);
      y[7 * 5 + 2] = value;
      const [x, weights] = [normal(random, 9 * 5), normal(random, 18)];
      assertClose(kernels, gatherBackward(order, 2, 5), [y], 2e-6);
      assertClose(kernels, combine(order, 2, 5), [y, weights], 2e-6);
      assertClose(kernels, combineBackward(order, 2, 5), [y, weights, x], 4e-6);
      assertClose(kernels, gather(order, 2, 5), [y.subarray(0, 45)], 0);
      cases++;
    }
  });
  assert.equal(cases, 9);
});

test('gatherSlotsBackward and combineBackward match finite differences within 1e-3', () => {
  const random = new Random(46);
  const order = orderOf(random, 4, 5, 3);
  const dy = normal(random, 12 * 2);
  let cases = assertSlopes(
    gather(order, 3, 2),
    (on, _, dOut) => gatherBackward(order, 3, 2)(on, dOut),
    [normal(random, 4 * 2)],
    dy,
    1e-3,
  );
  const inputs = [normal(random, 12 * 2), normal(random, 12)];
  cases += assertSlopes(combine(order, 3, 2), combineBackward(order, 3, 2), inputs, normal(random, 4 * 2), 1e-3);
  assert.equal(cases, 8 + 24 + 12);
});

test('rejects experts, slots and arrays that do not exist', async () => {
  await onEveryBuild((kernels) => {
    const [x, ids, offsets] = [kernels.f32(8), kernels.i32(4), kernels.i32(5)];
    assert.throws(
      () => kernels.route(x, undefined, routeShape(4, 5, true), ids, x),
      /5 of 4 experts a token, takes 1 to all/,
    );
    assert.throws(
      () => kernels.route(x, undefined, routeShape(3, 1, true), ids, x),
      /8 logits are not whole tokens of 3/,
    );
    assert.throws(
      () => kernels.route(x, undefined, routeShape(4, 4, true), ids, x),
      /ids has 4 values, its shape needs 8/,
    );
    assert.throws(
      () => kernels.routeBackward(x, indexes(kernels, [0, 4]), routeShape(4, 1, true), x, x),
      /expert 4 does not exist/,
    );
    const apart = routeShape(4, 3, true, { groups: 2, usedGroups: 1 });
    assert.throws(() => kernels.route(x, undefined, apart, ids, x), /1 of 2 groups for 3 of 4 experts a token/);
    assert.throws(() => kernels.groupByExpert(indexes(kernels, [-1]), 4, ids, offsets), /expert -1 does not exist/);
    assert.throws(() => kernels.gatherSlots(x, indexes(kernels, [0, 2]), 1, x, 1), /slot 2 does not exist/);
    assert.throws(() => kernels.gatherSlots(x, indexes(kernels, [0, 2, 1]), 2, x, 1), /3 slots are not whole tokens/);
    assert.throws(() => kernels.combine(x, indexes(kernels, [0, 1]), x, x.subarray(7), 1, 2), /has 1 values/);
  });
});
