import { decodeRows, encodeRows, format, rowBytes } from '../../numeric/table.ts';
import type { RouteShape } from '../contract/experts.ts';
import type { Activation, GateActivation, PackedMatrix, RopeShape, WindowShape } from '../contract.ts';
import type { Sizes } from '../program.ts';
import { batchNorm, batchNormBackward, batchStatistics, batchStatisticsBackward } from './batch.ts';
import { type Bind, type Bound, f32, f64, i32, type View } from './bind.ts';
import { type CapacityRule, limitSlots } from './capacity.ts';
import { placeEnds, takeEnds } from './endRows.ts';
import { headBindings } from './heads.ts';
import { primitiveBindings } from './primitives.ts';
import { sequenceBindings } from './sequences.ts';
import { keepSlots, type SlotRule, slotsOfExperts } from './slots.ts';
import { probabilitySquares, scaleColumnsGradient, sumRows } from './sums.ts';

/** A matrix of floats as `gatherRows` takes it. */
function asPacked(view: View, columns: number): PackedMatrix {
  if (!ArrayBuffer.isView(view)) return view;
  const blocks = new Uint8Array(view.buffer, view.byteOffset, view.byteLength);
  return { format: 'F32', blocks, rows: view.byteLength / 4 / columns, columns };
}

/** Every kernel that calls name, on arrays of `Kernels`. */
export const bindings: Readonly<Record<string, Bind>> = {
  ...primitiveBindings,
  ...headBindings,
  ...sequenceBindings,

  copy:
    ({ views: [from, to] }) =>
    () =>
      f32(to).set(f32(from)),

  matmulNT: ({ kernels, views: [x, w, y], sizes: { m, n, k } }) => {
    const [a, b, c] = [f32(x), f32(w), f32(y)];
    return () => kernels.matmulNT(a, b, c, m, n, k);
  },
  matmulNN: ({ kernels, views: [x, w, y], sizes: { m, n, k }, attributes: { accumulate } }) => {
    const [a, b, c] = [f32(x), f32(w), f32(y)];
    return () => kernels.matmulNN(a, b, c, m, n, k, accumulate === true);
  },
  matmulTN: ({ kernels, views: [x, w, y], sizes: { m, n, k }, attributes: { accumulate } }) => {
    const [a, b, c] = [f32(x), f32(w), f32(y)];
    return () => kernels.matmulTN(a, b, c, m, n, k, accumulate === true);
  },
  matmulPacked: ({ kernels, views: [x, w, y], sizes: { m } }) => {
    const [a, b, c] = [f32(x), w as PackedMatrix, f32(y)];
    return () => kernels.matmulPacked(a, b, c, m);
  },
  gatherRows: ({ kernels, views: [ids, w, y], sizes: { columns } }) => {
    const [rows, into] = [i32(ids), f32(y)];
    if (into.length === 0) return () => {};
    const matrix = asPacked(w, columns);
    return () => kernels.gatherRows(matrix, rows, into);
  },
  scatterRows:
    ({ views: [ids, x, y], sizes: { columns } }) =>
    () => {
      const [rows, from, to] = [i32(ids), f32(x), f32(y)];
      to.fill(0);
      for (const [i, row] of rows.entries())
        for (let c = 0; c < columns; c++) to[row * columns + c] += from[i * columns + c];
    },

  rmsNorm: ({ kernels, views: [x, gain, y], sizes: { n }, attributes: { epsilon } }) => {
    const [a, b, c] = [f32(x), f32(gain), f32(y)];
    return () => kernels.rmsNorm(a, b, c, n, epsilon as number);
  },
  rmsNormBackward:
    ({ kernels, views: [x, gain, dy, dx], sizes: { n }, attributes: { epsilon } }) =>
    () =>
      kernels.rmsNormBackward(f32(x), f32(gain), f32(dy), f32(dx), n, epsilon as number),
  rmsNormGainGradient:
    ({ views: [x, dy, out], sizes: { n }, attributes: { epsilon } }) =>
    () => {
      const sums = new Float64Array(n);
      for (let start = 0; start < f32(x).length; start += n) {
        let squares = 0;
        for (let i = 0; i < n; i++) squares += f32(x)[start + i] ** 2;
        const factor = 1 / Math.sqrt(squares / n + (epsilon as number));
        for (let i = 0; i < n; i++) sums[i] += f32(x)[start + i] * factor * f32(dy)[start + i];
      }
      f32(out).set(sums);
    },

  center: ({ kernels, views: [x, y], sizes: { n } }) => {
    const [a, b] = [f32(x), f32(y)];
    return () => kernels.center(a, b, n);
  },
  endRows:
    ({ views: [x, y], sizes: { columns }, attributes: { last } }) =>
    ({ sequences, length }) =>
      takeEnds(f32(x), f32(y), sequences, { length, columns, last: last === true }),
  endRowsBackward:
    ({ views: [dy, dx], sizes: { columns }, attributes: { last } }) =>
    ({ sequences, length }) =>
      placeEnds(f32(dy), f32(dx), sequences, { length, columns, last: last === true }),

  rope: ({ kernels, views: [x, positions, table], attributes }) => {
    const [a, b, c] = [f32(x), i32(positions), f32(table)];
    const shape = attributes as unknown as RopeShape;
    return () => kernels.rope(a, b, c, shape, attributes.inverse === true);
  },
  attention: ({ kernels, views: [q, k, v, out, sinks], attributes }) => {
    const views = [f32(q), f32(k), f32(v), f32(out)] as const;
    const scores = sinks === undefined ? undefined : f32(sinks);
    const shape = attentionOptions(attributes);
    return ({ sequences, length, past = 0 }) =>
      kernels.attention(...views, { ...shape, sequences, length, past, capacity: past + length }, scores);
  },
  attentionBackward: ({ kernels, views, attributes }) => {
    const [q, k, v, dOut, dq, dk, dv] = views.map(f32);
    const [, , , , , , , values, gradient] = views;
    const sinks = values === undefined ? undefined : { values: f32(values), gradient: f32(gradient) };
    const shape = attentionOptions(attributes);
    return ({ sequences, length }) => {
      const sizes = { sequences, length, past: 0, capacity: length };
      kernels.attentionBackward(q, k, v, dOut, dq, dk, dv, { ...shape, ...sizes }, sinks);
    };
  },

  appendRows:
    ({ views: [rows, state], sizes: { columns } }) =>
    ({ past }) =>
      f32(state).set(f32(rows), past * columns),
  appendBlocks: ({ kernels, views: [rows, state, tile], sizes: { columns }, attributes }) => {
    const stored = format(attributes.format as string);
    const stride = rowBytes(stored, columns);
    const [from, blocks, values] = [f32(rows), state as Uint8Array, f32(tile)];
    // One row takes less time than the call of a kernel.
    const backend = from.length > columns ? kernels : undefined;
    return ({ past }) => {
      const end = past + from.length / columns;
      encodeRows(stored, from, columns, undefined, blocks.subarray(past * stride, end * stride), backend);
      kernels.decode(stored, blocks.subarray(0, end * stride), columns, values.subarray(0, end * columns));
    };
  },
  roundRows: ({ kernels, views: [rows], sizes: { columns }, attributes }) => {
    const stored = format(attributes.format as string);
    return () => {
      const values = f32(rows);
      decodeRows(stored, encodeRows(stored, values, columns, undefined, undefined, kernels), columns, values);
    };
  },
  roundToBits:
    ({ kernels, views: [x, y], attributes: { bits } }) =>
    () =>
      kernels.roundToBits(f32(x), bits as number, f32(y)),

  add: ({ kernels, views: [y, x] }) => {
    const [a, b] = [f32(y), f32(x)];
    return () => kernels.add(a, b);
  },
  addBias: ({ kernels, views: [y, bias] }) => {
    const [a, b] = [f32(y), f32(bias)];
    return () => kernels.addBias(a, b);
  },
  sumRows:
    ({ views: [x, y] }) =>
    () =>
      sumRows(f32(x), f32(y)),
  scale:
    ({ kernels, views: [y], attributes: { factor } }) =>
    () =>
      kernels.scale(f32(y), factor as number, f32(y)),
  multiply: ({ kernels, views }) => {
    const [a, b, y] = views.map(f32);
    return () => kernels.multiply(a, b, y);
  },
  scaleColumns: ({ kernels, views, sizes: { columns } }) => {
    const [x, s, y] = views.map(f32);
    return () => kernels.scaleColumns(x, s, y, columns);
  },
  scaleColumnsGradient:
    ({ views: [x, dy, ds], sizes: { columns } }) =>
    () =>
      scaleColumnsGradient(f32(x), f32(dy), f32(ds), columns),
  scaleRows:
    ({ kernels, views: [x, s, y] }) =>
    () =>
      kernels.scaleRows(f32(x), f32(s), f32(y)),
  scaleRowsBackward: ({ kernels, views }) => {
    const [x, s, dy, dx, ds] = views.map(f32);
    return () => kernels.scaleRowsBackward(x, s, dy, dx, ds);
  },
  gated: ({ kernels, views: [gate, up, y], attributes }) => {
    const [a, b, c] = [f32(gate), f32(up), f32(y)];
    const activation = attributes.activation as GateActivation;
    return () => kernels.gated(a, b, c, activation);
  },
  gatedBackward: ({ kernels, views, attributes }) => {
    const [gate, up, dy, dGate, dUp] = views.map(f32);
    return () => kernels.gatedBackward(gate, up, dy, dGate, dUp, attributes.activation as GateActivation);
  },
  activate:
    ({ kernels, views: [x, y], attributes }) =>
    () =>
      kernels.activate(f32(x), f32(y), attributes.activation as Activation),
  activateBackward:
    ({ kernels, views: [x, dy, dx], attributes }) =>
    () =>
      kernels.activateBackward(f32(x), f32(dy), f32(dx), attributes.activation as Activation),

  route:
    ({ kernels, views: [logits, bias, ids, weights], attributes }) =>
    () =>
      kernels.route(f32(logits), bias && f32(bias), attributes as unknown as RouteShape, i32(ids), f32(weights)),
  routeBackward:
    ({ kernels, views: [logits, ids, dWeights, dLogits], attributes }) =>
    () =>
      kernels.routeBackward(
        ...([f32(logits), i32(ids), attributes as unknown as RouteShape, f32(dWeights), f32(dLogits)] as const),
      ),
  keepSlots: ({ views: [ids, weights, scores, keptIds, keptWeights], attributes }) => {
    const rule = attributes as unknown as SlotRule;
    return () =>
      keepSlots([i32(ids), f32(weights), scores && f32(scores)], [i32(keptIds), f32(keptWeights)], {
        ...rule,
        normalize: attributes.normalize === true,
      });
  },
  limitSlots: ({ views: [logits, ids, weights, keptIds, keptWeights], attributes }) => {
    const rule = attributes as unknown as CapacityRule;
    return () => limitSlots([f32(logits), i32(ids), f32(weights)], [i32(keptIds), f32(keptWeights)], rule);
  },
  slotsOfExperts:
    ({ views: [ids, weights, ownIds, ownWeights], attributes: { from, count } }) =>
    () =>
      slotsOfExperts([i32(ids), f32(weights)], [i32(ownIds), f32(ownWeights)], {
        from: from as number,
        count: count as number,
      }),
  groupByExpert:
    ({ kernels, views: [ids, order, offsets], attributes: { experts } }) =>
    () =>
      kernels.groupByExpert(i32(ids), experts as number, i32(order), i32(offsets)),
  gatherSlots:
    ({ kernels, views: [x, order, y], sizes: { columns }, attributes: { k } }) =>
    () =>
      kernels.gatherSlots(f32(x), i32(order), k as number, f32(y), columns),
  gatherSlotsBackward:
    ({ kernels, views: [dy, order, dx], sizes: { columns }, attributes: { k } }) =>
    () =>
      kernels.gatherSlotsBackward(f32(dy), i32(order), k as number, f32(dx), columns),
  groupedMatmulNT:
    ({ kernels, views: [x, w, offsets, y], sizes: { n, k } }) =>
    () =>
      kernels.groupedMatmulNT(f32(x), f32(w), i32(offsets), f32(y), n, k),
  groupedMatmulNN:
    ({ kernels, views: [x, w, offsets, y], sizes: { n, k } }) =>
    () =>
      kernels.groupedMatmulNN(f32(x), f32(w), i32(offsets), f32(y), n, k),
  groupedMatmulTN:
    ({ kernels, views: [dy, x, offsets, dw], sizes: { m, n } }) =>
    () => {
      const [from, by, to, bounds] = [f32(dy), f32(x), f32(dw), i32(offsets)];
      for (let e = 0; e + 1 < bounds.length; e++) {
        const [first, end] = [bounds[e], bounds[e + 1]];
        const own = [from.subarray(first * m, end * m), by.subarray(first * n, end * n)];
        kernels.matmulTN(own[0], own[1], to.subarray(e * m * n, (e + 1) * m * n), m, n, end - first);
      }
    },
  groupedBias:
    ({ kernels, views: [y, bias, offsets] }) =>
    () => {
      const [rows, biases, bounds] = [f32(y), f32(bias), i32(offsets)];
      const n = biases.length / (bounds.length - 1);
      for (let e = 0; e + 1 < bounds.length; e++)
        if (bounds[e] < bounds[e + 1] && n > 0)
          kernels.addBias(rows.subarray(bounds[e] * n, bounds[e + 1] * n), biases.subarray(e * n, (e + 1) * n));
    },
  groupedScale:
    ({ views: [y, factors, offsets, out], sizes: { n } }) =>
    () => {
      const [from, to, bounds] = [f32(y), f32(out), i32(offsets)];
      for (const [e, factor] of f32(factors).entries())
        for (let i = bounds[e] * n; i < bounds[e + 1] * n; i++) to[i] = from[i] * factor;
      to.fill(0, bounds[bounds.length - 1] * n); // slots that no expert has
    },
  groupedScaleGradient:
    ({ views: [y, dy, offsets, sums], sizes: { n } }) =>
    () => {
      const [from, gradient, to, bounds] = [f32(y), f32(dy), f32(sums), i32(offsets)];
      for (let e = 0; e < to.length; e++) {
        let sum = 0;
        for (let i = bounds[e] * n; i < bounds[e + 1] * n; i++) sum += from[i] * gradient[i];
        to[e] = sum;
      }
    },
  groupedSumRows:
    ({ views: [dy, offsets, sums] }) =>
    () => {
      const [rows, bounds] = [f32(dy), i32(offsets)];
      const n = f32(sums).length / (bounds.length - 1);
      for (let e = 0; e + 1 < bounds.length; e++)
        sumRows(rows.subarray(bounds[e] * n, bounds[e + 1] * n), f32(sums).subarray(e * n, (e + 1) * n));
    },
  groupedPacked:
    ({ kernels, views: [x, w, offsets, y] }) =>
    () =>
      kernels.groupedPacked(f32(x), w as PackedMatrix, i32(offsets), f32(y)),
  combine:
    ({ kernels, views: [y, order, weights, out], sizes: { columns }, attributes: { k } }) =>
    () =>
      kernels.combine(f32(y), i32(order), f32(weights), f32(out), k as number, columns),
  combineBackward:
    ({ kernels, views: [y, order, weights, dOut, dY, dWeights], sizes: { columns }, attributes: { k } }) =>
    () =>
      kernels.combineBackward(
        ...([f32(y), i32(order), f32(weights), f32(dOut), f32(dY), f32(dWeights), k as number, columns] as const),
      ),

  sampledScore:
    ({ kernels, views: [g, uniform, curvature, probability], sizes: { n } }) =>
    () =>
      kernels.sampledScore(f32(g), f32(uniform), f32(curvature), f32(probability), n),
  probabilitySquares:
    ({ views: [g, squares] }) =>
    () =>
      probabilitySquares(f32(g), f64(squares)),
  gram:
    ({ kernels, views: [x, weight, a], sizes: { t, n } }) =>
    () =>
      kernels.gram(f32(x), weight === undefined ? undefined : f32(weight), f32(a), t, n),
  sequenceGram: ({ kernels, views, sizes: { n, r } }) => {
    const [x, g, gradient, a] = views.map(f32);
    return ({ sequences, length }) => {
      for (let s = 0; s < sequences; s++) {
        const [start, end] = [s * length, (s + 1) * length];
        kernels.matmulTN(g.subarray(start * r, end * r), x.subarray(start * n, end * n), gradient, r, n, length);
        kernels.gram(gradient, undefined, a, r, n);
      }
    };
  },
  rowEnergy:
    ({ kernels, views: [g, energy, weight] }) =>
    () =>
      kernels.rowEnergy(f32(g), f64(energy), f32(weight)),
  columnEnergy:
    ({ kernels, views: [x, energy] }) =>
    () => {
      f64(energy).fill(0);
      if (f32(x).length > 0) kernels.columnEnergy(f32(x), f64(energy), f64(energy).length);
    },
  sketch: (bound) => sketchBy(bound, 'sketch'),
  outputSketch: (bound) => sketchBy(bound, 'sketchHead'),
  batchNorm:
    ({ views, attributes: { epsilon } }) =>
    () =>
      batchNorm(views.slice(0, 5).map(f32), f32(views[5]), epsilon as number),
  batchNormBackward:
    ({ views, attributes: { epsilon } }) =>
    () =>
      batchNormBackward(views.slice(0, 5).map(f32), views.slice(5).map(f32), epsilon as number),
  batchStatistics:
    ({ views: [x, mean, variance] }) =>
    () =>
      batchStatistics(f32(x), f32(mean), f32(variance)),
  batchStatisticsBackward:
    ({ views: [x, mean, dMean, dVariance, dx] }) =>
    () =>
      batchStatisticsBackward(
        ...([f32(x), f32(mean), dMean && f32(dMean), dVariance && f32(dVariance), f32(dx)] as const),
      ),
  unfold:
    ({ kernels, views: [x, y], sizes, attributes }) =>
    () =>
      kernels.unfold(f32(x), f32(y), windowShape(attributes, sizes)),
  fold:
    ({ kernels, views: [y, x], sizes, attributes }) =>
    () =>
      kernels.fold(f32(y), f32(x), windowShape(attributes, sizes)),
  maxPool:
    ({ kernels, views: [x, y], sizes, attributes }) =>
    () =>
      kernels.maxPool(f32(x), f32(y), windowShape(attributes, sizes)),
  maxPoolBackward:
    ({ kernels, views: [x, dy, dx], sizes, attributes }) =>
    () =>
      kernels.maxPoolBackward(f32(x), f32(dy), f32(dx), windowShape(attributes, sizes)),
  meanRows:
    ({ kernels, views: [x, y], sizes: { columns, count } }) =>
    () =>
      kernels.meanRows(f32(x), count, f32(y), columns),
  meanRowsBackward:
    ({ kernels, views: [dy, dx], sizes: { columns, count } }) =>
    () =>
      kernels.meanRowsBackward(f32(dy), count, f32(dx), columns),
};

/** @param sums of the view [4, sequences]: inner products, squares, row products, token products */
function sketchBy(bound: Bound, kernel: 'sketch' | 'sketchHead'): (run: Sizes) => void {
  const { kernels, views, sizes, attributes } = bound;
  const [change, g] = [f32(views[0]), f32(views[1])];
  const numbers = f64(views[2]);
  const sequences = numbers.length / 4;
  const part = (i: number): Float64Array => numbers.subarray(i * sequences, (i + 1) * sequences);
  const sums = { innerProducts: part(0), squares: part(1), rowProducts: part(2), tokenProducts: part(3) };
  const length = g.length / sizes.width / sequences;
  return () => {
    numbers.fill(0);
    if (g.length > 0) kernels[kernel](change, g, sizes.width, attributes.stride as number, length, sums);
  };
}

function windowShape(attributes: Bound['attributes'], { images }: Bound['sizes']): WindowShape {
  return { ...(attributes as unknown as WindowShape), images };
}

function attentionOptions(attributes: Bound['attributes']) {
  const { heads, kvHeads, headDim } = attributes as unknown as { heads: number; kvHeads: number; headDim: number };
  const { scale, window, chunk, softcap, causal } = attributes;
  return {
    heads,
    kvHeads,
    headDim,
    ...(typeof scale === 'number' ? { scale } : {}),
    ...(typeof window === 'number' ? { window } : {}),
    ...(typeof chunk === 'number' ? { chunk } : {}),
    ...(typeof softcap === 'number' ? { softcap } : {}),
    ...(causal === false ? { causal } : {}),
  };
}
