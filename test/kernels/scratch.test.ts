import assert from 'node:assert/strict';
import { after, test } from 'node:test';
import { GraphBuilder } from '../../src/graph/build.ts';
import { schedule } from '../../src/graph/schedule.ts';
import type { Attributes, Target, ValueId } from '../../src/graph/types.ts';
import type { Kernels } from '../../src/kernels/contract.ts';
import type { Slot } from '../../src/kernels/device.ts';
import { bytesOfType, countOf, type Program, type Sizes } from '../../src/kernels/program.ts';
import { createWasmKernels } from '../../src/kernels/wasm/index.ts';
import { programScratch } from '../../src/kernels/wasm/scratch.ts';
import { format, rowBytes } from '../../src/numeric/table.ts';

const HEADS: Attributes = { heads: 4, kvHeads: 2, headDim: 8 };
const attentions: readonly Attributes[] = [
  HEADS,
  { ...HEADS, window: 3 },
  { ...HEADS, softcap: 5 },
  { ...HEADS, causal: false },
];
const tokens = { of: 'tokens', times: 1 };

type Make = (build: GraphBuilder) => readonly ValueId[];

/** One op on inputs that are as wide as it asks for. */
const on =
  (op: string, widths: readonly number[], attributes: Attributes = {}): Make =>
  (build) =>
    build.nodes(
      op,
      widths.map((width, i) => build.input(`x${i}`, 'f32', [tokens, width])),
      attributes,
    );

const product: Make = (build) => [
  build.node('linear', [build.input('x', 'f32', [tokens, 96]), build.weight('w', [40, 96])]),
];

/** Slots of experts are two per token, in any order. */
const slots = { of: 'tokens', times: 2 };
const order = (build: GraphBuilder): ValueId => build.input('order', 'i32', [slots]);

const programs: Record<string, { make: Make; format?: string; free?: true }> = {
  ...Object.fromEntries(
    attentions.flatMap((attributes) => {
      const { window, softcap, causal } = attributes;
      const name = `${window ?? 'no'} window, ${softcap ?? 'no'} cap${causal === false ? ', both ways' : ''}`;
      return [
        [`attention, ${name}`, { make: on('attention', [32, 16, 16], attributes) }],
        [`attentionBackward, ${name}`, { make: on('attentionBackward', [32, 16, 16, 32], attributes) }],
      ];
    }),
  ),
  'product from Q8_0': { make: product, format: 'Q8_0' },
  'product from Q4_0': { make: product, format: 'Q4_0' },
  'product from F16': { make: product, format: 'F16', free: true },
  'product from F32': { make: product, free: true },
  sketch: { make: on('sketch', [5, 20], { stride: 4 }) },
  'sketch of outputs': { make: on('sketch', [5, 20], { stride: 4, output: true }) },
  'labels drawn': {
    make: (build) => {
      const logits = build.input('x', 'f32', [tokens, 20]);
      return build.nodes('sampledScore', [logits, build.input('draws', 'f32', [tokens])], { state: 'p' });
    },
  },
  'tokens of slots, backwards': {
    make: (build) => {
      const [dy, x] = [build.input('dy', 'f32', [slots, 6]), build.input('x', 'f32', [tokens, 6])];
      return build.nodes('gatherSlotsBackward', [dy, order(build), x], { k: 2 });
    },
  },
  'slots combined': {
    make: (build) => {
      const [y, weights] = [build.input('y', 'f32', [slots, 6]), build.input('weights', 'f32', [slots])];
      return build.nodes('combine', [y, order(build), weights], { k: 2 });
    },
  },
  'linear attention': {
    make: on('linearAttention', [16, 16, 30, 6, 6], { heads: 6, keyHeads: 2, keyDim: 8, valueDim: 5, state: 's' }),
  },
  'linear attention, backwards': {
    make: on('linearAttentionBackward', [16, 16, 30, 6, 6, 30], { heads: 6, keyHeads: 2, keyDim: 8, valueDim: 5 }),
  },
  norm: {
    make: (build) => {
      const x = build.input('x', 'f32', [tokens, 20]);
      return build.nodes('rmsNorm', [x, build.weight('w', [20])], { epsilon: 1e-5 });
    },
    free: true,
  },
};

const opened = await Promise.all([1, 2].map((threads) => createWasmKernels({ threads })));
after(() => {
  for (const kernels of opened) kernels.close();
});

/** Bytes that a program takes while it runs, beyond its operands. */
function taken({ device }: Kernels, program: Program, sizes: Sizes): number {
  const arena = device.allocate(program.arenaBytes);
  const slotsOf = program.places.map((place): Slot => {
    if (place.kind === 'arena') return { buffer: arena, offset: place.offset };
    const [rows, columns = 1] = place.shape as readonly number[];
    if (place.kind === 'weight') {
      const bytes = place.format === undefined ? 4 * rows * columns : rows * rowBytes(format(place.format), columns);
      return { buffer: device.allocate(bytes) };
    }
    return { buffer: device.allocate(bytesOfType[place.type] * countOf(place.shape, program.capacities)) };
  });
  for (const [i, place] of program.places.entries())
    if (place.kind === 'arena' && place.type === 'i32')
      device.write(
        slotsOf[i],
        Int32Array.from({ length: countOf(place.shape, sizes) }, (_, slot) => slot),
      );
  // Memory is filled up to where it was at its highest: what comes on top shows.
  const { used: before, peak: highest } = device.memory();
  const filler = before < highest ? [device.allocate(highest - before)] : [];
  const { used } = device.memory();
  device.load(program, slotsOf).run(sizes);
  const { peak } = device.memory();
  assert.equal(device.memory().used, used, 'scratch was given back');
  device.free(...new Set(slotsOf.map(({ buffer }) => buffer)), ...filler);
  return peak - used;
}

for (const [name, { make, format: packed, free = false }] of Object.entries(programs))
  test(`scratch of ${name} is what is told of it, to the byte`, () => {
    const build = new GraphBuilder();
    const graph = build.finish(make(build));
    const target: Target = { states: 'whole', packed: () => packed };
    let compared = 0;
    for (const kernels of opened)
      for (const [sequences, length] of [
        [1, 1],
        [1, 2],
        [1, 3],
        [2, 33],
        [3, 70],
      ]) {
        const sizes = { sequences, length, tokens: sequences * length, past: 0 };
        const { program } = schedule(graph, target, sizes);
        const told = programScratch(program, sizes, kernels.threads);
        assert.equal(told, taken(kernels, program, sizes), `${sequences} × ${length}, ${kernels.threads} threads`);
        assert.equal(told === 0, free);
        compared++;
      }
    assert.equal(compared, 10);
  });
