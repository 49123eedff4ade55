import assert from 'node:assert/strict';
import { test } from 'node:test';
import { Random } from '../../src/core/random.ts';
import { differentiate, gradientName } from '../../src/graph/differentiate.ts';
import { boundaryInputs, segment, weightsOf } from '../../src/graph/segments.ts';
import type { Graph, ValueId } from '../../src/graph/types.ts';
import { createReferenceKernels } from '../../src/kernels/reference/index.ts';
import { architectureByName } from '../../src/model/architecture.ts';
import type { ModelConfig } from '../../src/model/types.ts';
import { SharedMemory } from '../../src/run/memory.ts';
import { RunningProgram } from '../../src/run/program.ts';
import { sizesOf } from '../../src/run/sequences.ts';
import { jaxBlockGradient } from './jax-block.ts';
import { literalBlock } from './literal.ts';
import { normals, randomTensors, relativeDistance, smallConfig } from './support.ts';

const { device } = createReferenceKernels();

const linears = ['attn_q', 'attn_k', 'attn_v', 'attn_output', 'ffn_gate', 'ffn_up', 'ffn_down'];
const norms = ['attn_norm', 'ffn_norm'];

interface Case {
  name: string;
  config: ModelConfig;
  extras: { qkNorm?: boolean; bias?: boolean };
  /** Tensors that other architectures lack. */
  more: readonly string[];
}

const cases: Case[] = [
  { name: 'llama', config: smallConfig, extras: {}, more: [] },
  {
    name: 'qwen2: biases, split halves, part of the head rotated',
    config: { ...smallConfig, architecture: 'qwen2', rope: { theta: 100, dimensions: 2, style: 'halves' } },
    extras: { bias: true },
    more: ['attn_q.bias', 'attn_k.bias', 'attn_v.bias'],
  },
  {
    name: 'qwen3: QK-norm, YaRN',
    config: {
      ...smallConfig,
      architecture: 'qwen3',
      rope: {
        theta: 100,
        dimensions: 4,
        style: 'halves',
        scaling: { type: 'yarn', factor: 4, originalContext: 8, betaFast: 32, betaSlow: 1 },
      },
    },
    extras: { qkNorm: true },
    more: ['attn_q_norm.weight', 'attn_k_norm.weight'],
  },
];

function setUp({ config, extras }: Case, sequences: number, length: number) {
  const random = new Random(7);
  const tensors = randomTensors(config, random, extras);
  const x = normals(random, sequences * length * config.hidden, 1);
  const direction = normals(random, x.length, 1);
  return { random, tensors, x, direction, sequences, length };
}

type SetUp = ReturnType<typeof setUp>;

/** The first block of the network, alone: segment 0 looks tokens up. */
function blockGraph(config: ModelConfig): Graph {
  return segment(architectureByName(config.architecture, 'test').graph(config), 1, 2);
}

/** Gradients of Σ direction · block(x) at the block's tensors, by name, and at x, by the graph's own differentiation. */
async function backward(config: ModelConfig, { tensors, x, direction, sequences, length }: SetUp) {
  const part = blockGraph(config);
  const [input] = boundaryInputs(part);
  const [output] = part.outputs;
  const names = weightsOf(part);
  const weights = names.map((name) =>
    part.values.findIndex((value) => value.source === 'weight' && value.tensor === name),
  );
  const { graph, gradientOf } = differentiate(part, part.outputs, [input, ...weights]);
  const memory = new SharedMemory(device);
  for (const name of names) memory.set(name, tensors.get(name)!.values);
  const sizes = sizesOf({ length }, sequences);
  const program = new RunningProgram(memory, graph, {
    target: { states: 'whole' },
    capacities: { ...sizes, context: length },
  });
  program.write(input, x);
  program.write(
    'positions',
    Int32Array.from({ length: sequences * length }, (_, t) => t % length),
  );
  program.write(gradientName(output), direction);
  program.run(sizes);
  const read = async (value: ValueId, numbers: number): Promise<Float32Array> => {
    const gradient = new Float32Array(numbers);
    await program.read(gradientOf(value)!, gradient);
    return gradient;
  };
  const gradients = new Map<string, Float32Array>([['x', await read(input, x.length)]]);
  for (const [i, name] of names.entries())
    gradients.set(name, await read(weights[i], tensors.get(name)!.values.length));
  program.close();
  memory.close();
  return gradients;
}

/** Σ direction · block(x), the block written out in float64. */
function objective(config: ModelConfig, { tensors, x, direction, length }: SetUp): number {
  const y = literalBlock(config, tensors, 0, Float64Array.from(x), length);
  return y.reduce((sum, value, i) => sum + value * direction[i], 0);
}

for (const item of cases) {
  test(`block gradient of ${item.name} equals central differences to 0.5 %`, async () => {
    const setup = setUp(item, 2, 5);
    const gradients = await backward(item.config, setup);
    const names = [...linears, ...norms].map((name) => `${name}.weight`);
    const expected = ['x', ...[...names, ...item.more].map((name) => `blk.0.${name}`)];
    assert.deepEqual([...gradients.keys()].sort(), expected.sort());
    let checked = 0;
    for (const [name, gradient] of gradients) {
      const values = name === 'x' ? setup.x : setup.tensors.get(name)!.values;
      const step = normals(setup.random, values.length, 1);
      const original = values.slice();
      const along = (epsilon: number): number => {
        for (let i = 0; i < values.length; i++) values[i] = original[i] + epsilon * step[i];
        return objective(item.config, setup);
      };
      const difference = (along(1e-3) - along(-1e-3)) / 2e-3;
      values.set(original);
      const predicted = gradient.reduce((sum, value, i) => sum + value * step[i], 0);
      const scale = Math.hypot(...gradient) * 0.005 + Math.abs(difference) * 0.005;
      assert.ok(Math.abs(predicted - difference) < scale, `${name}: predicted ${predicted}, found ${difference}`);
      checked++;
    }
    assert.equal(checked, 8 + norms.length + item.more.length);
  });
}

test('block gradient equals jax-js grad to 1e-4', async () => {
  const item = cases[0];
  const setup = setUp(item, 1, 6);
  const gradients = await backward(item.config, setup);
  const expected = await jaxBlockGradient({ ...item, ...setup });
  let checked = 0;
  for (const name of linears) {
    const found = gradients.get(`blk.0.${name}.weight`)!;
    const distance = relativeDistance(found, expected[name]);
    assert.ok(distance < 1e-4, `${name}: relative distance ${distance}`);
    checked++;
  }
  assert.ok(relativeDistance(gradients.get('x')!, expected.x) < 1e-4);
  assert.equal(checked, 7);
});
