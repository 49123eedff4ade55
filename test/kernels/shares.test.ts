import assert from 'node:assert/strict';
import { test } from 'node:test';
import { Random } from '../../src/core/random.ts';
import type { AttentionShape, Kernels } from '../../src/kernels/contract.ts';
import { createWasmKernels } from '../../src/kernels/wasm/index.ts';
import { windowLengths } from '../../src/kernels/windows.ts';
import { format } from '../../src/numeric/table.ts';
import { builds, indexes, normal, routeShape } from './support.ts';

/*
 * Shares of threads divide outputs, never sums: every kernel gives the same bits with any number of threads. Sizes are
 * such that each call takes more than the 2e5 operations from which on the team shares it.
 */

type Outputs = Record<string, Float32Array | Float64Array | Int32Array>;
type Job = (on: Kernels, array: (length: number) => Float32Array) => Outputs;

const windowed: AttentionShape = {
  ...{ sequences: 2, length: 150, past: 0, capacity: 150, heads: 4, kvHeads: 2, headDim: 32 },
  ...{ window: 40, softcap: 5, scale: 0.2 },
};

const attention = (shape: AttentionShape): Job => {
  return (on, array) => {
    const { sequences, length, heads, kvHeads, headDim } = shape;
    const [queries, keys] = [sequences * length * heads * headDim, sequences * length * kvHeads * headDim];
    const [q, k, v, dOut] = [array(queries), array(keys), array(keys), array(queries)];
    const [out, dq, dk, dv] = [on.f32(queries), on.f32(queries), on.f32(keys), on.f32(keys)];
    on.attention(q, k, v, out, shape);
    on.attentionBackward(q, k, v, dOut, dq, dk, dv, shape);
    return { out, dq, dk, dv };
  };
};

const elements: Job = (on, array) => {
  const n = 40_001;
  const [x, up, dy, s] = [array(400 * 301), array(n), array(400 * 301), array(400)];
  const outputs: Record<string, Float32Array> = {};
  const output = (name: string, length: number) => {
    outputs[name] = on.f32(length);
    return outputs[name];
  };
  for (const activation of ['silu', 'gelu'] as const) {
    on.gated(x.subarray(0, n), up, output(`gated ${activation}`, n), activation);
    const gradients = [output(`dGate ${activation}`, n), output(`dUp ${activation}`, n)];
    on.gatedBackward(x.subarray(0, n), up, dy.subarray(0, n), gradients[0], gradients[1], activation);
  }
  for (const activation of ['gelu', 'relu', 'sigmoid', 'tanh'] as const) {
    on.activate(x, output(activation, x.length), activation);
    on.activateBackward(x, dy, output(`${activation} backward`, x.length), activation);
  }
  const large = array(300_001);
  on.scale(large, 0.3, output('scale', large.length));
  on.scaleRows(array(300 * 1001), array(300), output('scaleRows', 300 * 1001));
  on.scaleRowsBackward(x, s, dy, output('scaleRows dx', x.length), output('scaleRows ds', 400));
  return outputs;
};

const experts: Job = (on, array) => {
  const [tokens, count, k, n, columns] = [500, 60, 4, 110, 130];
  const slots = tokens * k;
  const logits = array(tokens * count);
  const [ids, order, offsets] = [on.i32(slots), on.i32(slots), on.i32(count + 1)];
  const outputs = {
    ...{ weights: on.f32(slots), dLogits: on.f32(logits.length), rows: on.f32(slots * columns) },
    ...{ y: on.f32(slots * n), dRows: on.f32(slots * columns), dx: on.f32(tokens * columns) },
    ...{ packed: on.f32(slots * n), out: on.f32(tokens * n), dY: on.f32(slots * n), dWeights: on.f32(slots) },
  };
  const grouped = { gating: 'sigmoid', groups: 6, usedGroups: 3, scale: 2 } as const;
  on.route(logits, array(count), routeShape(count, k, true, grouped), ids, outputs.weights);
  on.routeBackward(logits, ids, routeShape(count, k, false), array(slots), outputs.dLogits);
  on.groupByExpert(ids, count, order, offsets);
  on.gatherSlots(array(tokens * columns), order, k, outputs.rows, columns);
  const w = array(count * n * columns);
  on.groupedMatmulNT(outputs.rows, w, offsets, outputs.y, n, columns);
  on.groupedMatmulNN(outputs.y, w, offsets, outputs.dRows, columns, n);
  on.gatherSlotsBackward(outputs.dRows, order, k, outputs.dx, columns);
  const blocks = on.u8(count * n * 4 * 18);
  format('Q4_0').encodeBlocks!(array(count * n * 128), blocks);
  on.groupedPacked(
    array(slots * 128),
    { format: 'Q4_0', blocks, rows: count * n, columns: 128 },
    offsets,
    outputs.packed,
  );
  on.combine(outputs.y, order, outputs.weights, outputs.out, k, n);
  on.combineBackward(outputs.y, order, outputs.weights, array(tokens * n), outputs.dY, outputs.dWeights, k, n);
  return { ids, order, offsets: indexes(on, offsets), ...outputs };
};

/** So many slots that their order is inverted by all threads. */
const slots: Job = (on, array) => {
  const count = 210_001;
  const order = indexes(
    on,
    Int32Array.from({ length: count }, (_, i) => (i * 100_003) % count),
  );
  const [out, dx] = [on.f32(count), on.f32(count)];
  on.combine(array(count), order, array(count), out, 1, 1);
  on.gatherSlotsBackward(array(count), order, 1, dx, 1);
  return { out, dx };
};

const images: Job = (on, array) => {
  const shape = { images: 3, height: 41, width: 41, channels: 18, kernel: 3, stride: 2, padding: 1 };
  const { images: pixels, patches, pooled } = windowLengths(shape);
  const x = array(pixels);
  const outputs = {
    ...{ patches: on.f32(patches), folded: on.f32(pixels), pooled: on.f32(pooled), dx: on.f32(pixels) },
    ...{ mean: on.f32(101 * 50), spread: on.f32(101 * 50 * 50) },
  };
  on.unfold(x, outputs.patches, shape);
  on.fold(array(patches), outputs.folded, shape);
  on.maxPool(x, outputs.pooled, shape);
  on.maxPoolBackward(x, array(pooled), outputs.dx, shape);
  on.meanRows(array(101 * 50 * 50), 50, outputs.mean, 50);
  on.meanRowsBackward(outputs.mean, 50, outputs.spread, 50);
  return outputs;
};

const sums: Job = (on, array) => {
  const [sequences, length, rows, stride] = [3, 150, 251, 3];
  const width = rows * stride;
  const tokens = sequences * length;
  const [change, g] = [array(tokens * rows), array(tokens * width)];
  const outputs = { energy: on.f64(width), weight: on.f32(tokens), columns: on.f64(width), rounded: on.f32(g.length) };
  on.rowEnergy(g, outputs.energy, outputs.weight);
  on.columnEnergy(g, outputs.columns, width);
  on.roundToBits(g, 5, outputs.rounded);
  const sketches = (['sketch', 'sketchHead'] as const).flatMap((kind) => {
    const [innerProducts, squares, rowProducts, tokenProducts] = [1, 2, 3, 4].map(() => on.f64(sequences));
    const found = { innerProducts, squares, rowProducts, tokenProducts };
    on[kind](change, g, width, stride, length, found);
    return Object.entries(found).map(([name, values]) => [`${kind} ${name}`, values] as const);
  });
  return { ...outputs, ...Object.fromEntries(sketches) };
};

/** Convolutions and recurrences, where threads share channels, rows of states or heads of keys. */
const sequences: Job = (on, array) => {
  const convolution = { sequences: 2, length: 300, channels: 130, taps: 4 };
  const rows = 2 * 300 * 130;
  const [x, w, dy] = [array(rows), array(130 * 4), array(rows)];
  const outputs = {
    y: on.f32(rows),
    dx: on.f32(rows),
    dw: on.f32(130 * 4),
    state: on.f32(3 * 130),
    next: on.f32(rows),
  };
  on.shortConv(x, w, outputs.y, convolution);
  on.shortConvBackward(dy, w, outputs.dx, convolution);
  on.shortConvWeightGradient(x, dy, outputs.dw, convolution);
  for (const past of [0, 600])
    on.shortConv(x, w, outputs.next, { ...convolution, sequences: 1, length: 600, past }, outputs.state);
  const shape = { heads: 6, keyHeads: 3, keyDim: 18, valueDim: 35, tiled: true, delta: true, scale: 0.3 };
  const [tokens, length] = [120, 60];
  const of = (make: (count: number) => Float32Array) => ({
    ...{ q: make(tokens * 3 * 18), k: make(tokens * 3 * 18), v: make(tokens * 6 * 35) },
    ...{ decay: make(tokens * 6), strength: make(tokens * 6) },
  });
  const inputs = of(array);
  // Keys of length 1 or so, strengths between 0 and 1, and decays below 0: what is held does not grow.
  for (const [i, value] of inputs.k.entries()) inputs.k[i] = value / Math.sqrt(18);
  for (const [i, value] of inputs.strength.entries()) inputs.strength[i] = 1 / (1 + Math.exp(-value));
  for (const [i, value] of inputs.decay.entries()) inputs.decay[i] = -Math.abs(value);
  const gradients = of((count) => on.f32(count));
  const [out, streamed, held] = [on.f32(tokens * 6 * 35), on.f32(tokens * 6 * 35), on.f32(6 * 35 * 18)];
  on.linearAttention(inputs, out, { ...shape, sequences: 2, length });
  on.linearAttention(inputs, streamed, { ...shape, sequences: 1, length: tokens }, held);
  on.linearAttentionBackward(inputs, out, gradients, { ...shape, sequences: 2, length });
  return { ...outputs, out, streamed, held, ...gradients };
};

const jobs: Record<string, Job> = {
  attention: attention(windowed),
  'attention without a mask': attention({ ...windowed, causal: false, window: 70, softcap: undefined }),
  elements,
  experts,
  slots,
  images,
  sequences,
  sums,
};

for (const [name, job] of Object.entries(jobs))
  for (const build of builds) {
    const counts = build === 'relaxed' ? [1, 2, 3, 5] : [1, 3];
    test(`${name}: the same bits with ${counts.join(', ')} threads, ${build} build`, async () => {
      let expected: Outputs | undefined;
      let cases = 0;
      for (const threads of counts) {
        const kernels = await createWasmKernels({ build, threads });
        assert.equal(kernels.threads, threads);
        const random = new Random(71);
        const found = job(kernels, (length) => kernels.upload(normal(random, length)));
        expected ??= Object.fromEntries(Object.entries(found).map(([key, values]) => [key, values.slice()]));
        for (const [key, values] of Object.entries(found)) {
          const different = values.findIndex((value, i) => !Object.is(value, expected?.[key][i]));
          assert.equal(different, -1, `${key} differs at ${different} with ${threads} threads`);
          assert.ok(values.some((value) => value !== 0 && !Number.isNaN(value)));
          cases++;
        }
        kernels.close();
      }
      assert.equal(cases, counts.length * Object.keys(expected ?? {}).length);
      assert.ok(cases > 0);
    });
  }
