import assert from 'node:assert/strict';
import { test } from 'node:test';
import { Random } from '../../src/core/random.ts';
import type { Kernels, LinearAttentionShape } from '../../src/kernels/contract.ts';
import { createReferenceKernels } from '../../src/kernels/reference/index.ts';
import { createWasmKernels } from '../../src/kernels/wasm/index.ts';
import { builds, normal } from './support.ts';

/*
 * Kernels that keep a state, in pieces: what they give and what they keep, against the reference. Whole sequences and gradients
 * are compared by the registry's tests (`test/graph/ops.test.ts`).
 */

/** Tokens of one sequence, piece by piece; some are shorter than a convolution reaches. */
const PIECES = [1, 2, 17, 1, 5];

const reference = createReferenceKernels();

/** Outputs of all pieces, and the state behind each. */
type Pieces = (on: Kernels) => number[];

function convolution(channels: number, taps: number): Pieces {
  return (on) => {
    const random = new Random(channels + taps);
    const w = on.upload(normal(random, channels * taps));
    const state = on.f32((taps - 1) * channels);
    // What it holds before the first token is not read.
    state.fill(7);
    let past = 0;
    return PIECES.flatMap((length) => {
      const [x, y] = [on.upload(normal(random, length * channels)), on.f32(length * channels)];
      on.shortConv(x, w, y, { sequences: 1, length, past, channels, taps }, state);
      past += length;
      return [...y, ...state];
    });
  };
}

function recurrence(shape: Omit<LinearAttentionShape, 'sequences' | 'length'>): Pieces {
  const { heads, keyHeads, keyDim, valueDim } = shape;
  return (on) => {
    const random = new Random(keyDim + valueDim);
    const state = on.f32(heads * valueDim * keyDim);
    state.fill(7);
    let past = 0;
    return PIECES.flatMap((length) => {
      const of = (count: number, value: (drawn: number) => number = (drawn) => drawn): Float32Array =>
        on.upload(normal(random, length * count).map(value));
      const inputs = {
        q: of(keyHeads * keyDim),
        k: of(keyHeads * keyDim, (drawn) => drawn / Math.sqrt(keyDim)),
        v: of(heads * valueDim),
        decay: of(heads, (drawn) => -Math.abs(drawn)),
        strength: of(heads, (drawn) => 1 / (1 + Math.exp(-drawn))),
      };
      const out = on.f32(length * heads * valueDim);
      on.linearAttention(inputs, out, { ...shape, sequences: 1, length, past }, state);
      past += length;
      return [...out, ...state];
    });
  };
}

const heads = { heads: 6, keyHeads: 3, scale: 0.5 };
const jobs: Readonly<Record<string, Pieces>> = {
  'convolutions of 33 channels and 4 tokens': convolution(33, 4),
  'convolutions of 3 channels and 2 tokens': convolution(3, 2),
  'convolutions that see their own token': convolution(16, 1),
  'the delta rule, heads in turns': recurrence({ ...heads, keyDim: 33, valueDim: 17, tiled: true, delta: true }),
  'the delta rule, heads in order': recurrence({ ...heads, keyDim: 8, valueDim: 32, tiled: false, delta: true }),
  'sums without the delta rule': recurrence({ ...heads, keyDim: 5, valueDim: 3, tiled: false, delta: false }),
};

for (const [name, job] of Object.entries(jobs))
  test(`${name}: outputs and states of ${PIECES.length} pieces are the reference’s to 1e-5 of its largest number, all builds`, async () => {
    const expected = job(reference);
    const largest = expected.reduce((most, value) => Math.max(most, Math.abs(value)), 1);
    for (const build of builds) {
      const kernels = await createWasmKernels({ build, threads: 1 });
      try {
        const found = kernels.scope(() => job(kernels));
        assert.equal(found.length, expected.length);
        const away = found.reduce((most, value, i) => Math.max(most, Math.abs(value - expected[i])), 0);
        assert.ok(away <= 1e-5 * largest, `${build}: ${away} away`);
      } finally {
        kernels.close();
      }
    }
  });
