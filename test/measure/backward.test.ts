import assert from 'node:assert/strict';
import { test } from 'node:test';
import { Random } from '../../src/core/random.ts';
import { createReferenceKernels } from '../../src/kernels/reference/index.ts';
import { allocateGradients, type BlockGradients, blockBackward } from '../../src/measure/backward.ts';
import type { ModelConfig } from '../../src/model/types.ts';
import {
  allocateActivations,
  type Batch,
  type BlockActivations,
  type BlockWeights,
  blockForward,
  ropeTable,
} from '../../src/run/block.ts';
import { jaxBlockGradient } from './jax-block.ts';
import { blockOf, normals, randomTensors, relativeDistance, smallConfig } from './support.ts';

const kernels = createReferenceKernels();

const inputs = {
  q: 'attnIn',
  k: 'attnIn',
  v: 'attnIn',
  o: 'attnOut',
  gate: 'ffnIn',
  up: 'ffnIn',
  down: 'ffnAct',
} as const satisfies Partial<Record<keyof BlockGradients, keyof BlockActivations>>;
const linears = Object.keys(inputs) as (keyof typeof inputs)[];

interface Case {
  name: string;
  config: ModelConfig;
  extras: { qkNorm?: boolean; bias?: boolean };
}

const cases: Case[] = [
  { name: 'llama', config: smallConfig, extras: {} },
  {
    name: 'qwen2: biases, split halves, part of the head rotated',
    config: { ...smallConfig, rope: { theta: 100, dimensions: 2, style: 'halves' } },
    extras: { bias: true },
  },
  {
    name: 'qwen3: QK-norm, YaRN',
    config: {
      ...smallConfig,
      rope: {
        theta: 100,
        dimensions: 4,
        style: 'halves',
        scaling: { type: 'yarn', factor: 4, originalContext: 8, betaFast: 32, betaSlow: 1 },
      },
    },
    extras: { qkNorm: true },
  },
];

function setUp({ config, extras }: Case, sequences: number, length: number) {
  const random = new Random(7);
  const weights = blockOf(kernels, randomTensors(config, random, extras));
  const x = normals(random, sequences * length * config.hidden, 1);
  const direction = normals(random, x.length, 1);
  const positions = Int32Array.from({ length: sequences * length }, (_, t) => t % length);
  const batch: Batch = { sequences, length, positions, ropeTable: ropeTable(config, length) };
  return { random, weights, x, direction, batch };
}

/** Σ direction · block(x), in float64. */
function objective(config: ModelConfig, weights: BlockWeights, x: Float32Array, batch: Batch, direction: Float32Array) {
  const y = x.slice();
  blockForward(kernels, config, weights, y, batch);
  return y.reduce((sum, value, i) => sum + value * direction[i], 0);
}

function backward(config: ModelConfig, weights: BlockWeights, x: Float32Array, batch: Batch, direction: Float32Array) {
  const tokens = batch.sequences * batch.length;
  const qkNorm = weights.qNorm !== undefined;
  const kept = allocateActivations(kernels, config, tokens, qkNorm);
  blockForward(kernels, config, weights, x.slice(), batch, kept);
  const gradients = allocateGradients(kernels, config, tokens, qkNorm);
  gradients.down.set(direction);
  blockBackward(kernels, config, weights, x, batch, kept, gradients);
  return { kept, gradients };
}

/** Gᵀ·X: the gradient of the objective with respect to a weight. */
function weightGradient(g: Float32Array, x: Float32Array, tokens: number): Float32Array {
  const [rows, columns] = [g.length / tokens, x.length / tokens];
  const gradient = new Float32Array(rows * columns);
  kernels.matmulTN(g, x, gradient, rows, columns, tokens);
  return gradient;
}

for (const item of cases) {
  test(`block gradient of ${item.name} equals central differences to 0.5 %`, () => {
    const { random, weights, x, direction, batch } = setUp(item, 2, 5);
    const { kept, gradients } = backward(item.config, weights, x, batch, direction);
    const targets = [
      { name: 'x', values: x, gradient: gradients.input },
      ...linears.map((name) => ({
        name,
        values: weights[name] as Float32Array,
        gradient: weightGradient(gradients[name] as Float32Array, kept[inputs[name]], batch.positions.length),
      })),
    ];
    let checked = 0;
    for (const { name, values, gradient } of targets) {
      const step = normals(random, values.length, 1);
      const original = values.slice();
      const along = (epsilon: number): number => {
        for (let i = 0; i < values.length; i++) values[i] = original[i] + epsilon * step[i];
        return objective(item.config, weights, x, batch, direction);
      };
      const difference = (along(1e-3) - along(-1e-3)) / 2e-3;
      values.set(original);
      const predicted = gradient.reduce((sum, value, i) => sum + value * step[i], 0);
      const scale = Math.hypot(...gradient) * 0.005 + Math.abs(difference) * 0.005;
      assert.ok(Math.abs(predicted - difference) < scale, `${name}: predicted ${predicted}, found ${difference}`);
      checked++;
    }
    assert.equal(checked, 8);
  });
}

test('block gradient equals jax-js grad to 1e-4', async () => {
  const item = cases[0];
  const { weights, x, direction, batch } = setUp(item, 1, 6);
  const { kept, gradients } = backward(item.config, weights, x, batch, direction);
  const expected = await jaxBlockGradient(item.config, weights, x, batch, direction);
  let checked = 0;
  for (const name of linears) {
    const found = weightGradient(gradients[name] as Float32Array, kept[inputs[name]], batch.length);
    const distance = relativeDistance(found, expected[name]);
    assert.ok(distance < 1e-4, `${name}: relative distance ${distance}`);
    checked++;
  }
  assert.ok(relativeDistance(gradients.input, expected.x) < 1e-4);
  assert.equal(checked, 7);
});
