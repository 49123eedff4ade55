import assert from 'node:assert/strict';
import { test } from 'node:test';
import { Random } from '../../src/core/random.ts';
import { differentiate, gradientName } from '../../src/graph/differentiate.ts';
import { expand } from '../../src/graph/expand.ts';
import { inputNamed, segment } from '../../src/graph/segments.ts';
import type { Graph, ValueId } from '../../src/graph/types.ts';
import { architectureByName } from '../../src/model/architecture.ts';
import type { ModelConfig } from '../../src/model/types.ts';
import { SharedMemory } from '../../src/run/memory.ts';
import { RunningProgram } from '../../src/run/program.ts';
import { sizesOf } from '../../src/run/sequences.ts';
import { type JaxBlock, jaxBlockHessian, type Named } from '../measure/jax-block.ts';
import { normals, relativeDistance, smallConfig } from '../measure/support.ts';
import { testKernels } from '../support/kernels.ts';
import { randomWeights } from './weights.ts';

const LENGTH = 7;
const sizes = { ...sizesOf({ length: LENGTH }, 1), context: LENGTH };

const llama: ModelConfig = smallConfig;
/** Norms on both sides, norms of heads, GELU, a window of 3 of the 7 tokens, a scale of its own. */
const gemma: ModelConfig = {
  ...smallConfig,
  architecture: 'gemma3',
  attentionScale: 0.4,
  rope: { theta: 1e4, dimensions: 4, style: 'halves' },
  slidingRope: { theta: 100, dimensions: 4, style: 'halves' },
  window: { tokens: 3, layers: [true, false] },
};

/** The first block alone, and random numbers for all that it reads. */
function blockOf(config: ModelConfig): { graph: Graph; block: JaxBlock; change: Named } {
  const graph = segment(architectureByName(config.architecture, 'test').graph(config), 1, 2);
  const random = new Random(11);
  const tensors = randomWeights(graph, random);
  const x = normals(random, LENGTH * config.hidden, 1);
  const direction = normals(random, x.length, 1);
  const change: Record<string, Float32Array> = { x: normals(random, x.length, 1) };
  for (const [name, { values }] of tensors) change[suffixOf(name)] = normals(random, values.length, 1);
  return { graph, block: { config, tensors, x, direction }, change };
}

const suffixOf = (name: string): string => name.replace('blk.0.', '').replace('.weight', '');

/** What a value is called: a tensor's suffix, or `x` for the input of the block. */
function parametersOf(graph: Graph): Map<string, ValueId> {
  const found = new Map<string, ValueId>();
  for (const [id, value] of graph.values.entries()) {
    if (value.source === 'weight') found.set(suffixOf(value.tensor), id);
    else if (value.source === 'input' && value.name !== 'positions') found.set('x', id);
  }
  return found;
}

/** The same by the graph: its gradients' gradients, along the change. */
async function hessianProduct(graph: Graph, { tensors, x, direction }: JaxBlock, change: Named): Promise<Named> {
  const primitives = expand(graph, sizes);
  const parameters = parametersOf(primitives);
  const wanted = [...parameters.values()];
  const first = differentiate(primitives, primitives.outputs, wanted);
  const gradients = wanted.map((id) => first.gradientOf(id)!);
  const second = differentiate(first.graph, gradients, wanted);
  const products = wanted.map((id) => second.gradientOf(id)!);

  const { device } = await testKernels();
  const memory = new SharedMemory(device);
  for (const [name, { values }] of tensors) memory.set(name, values);
  const whole = { ...second.graph, outputs: products };
  const program = new RunningProgram(memory, whole, { target: { states: 'whole' }, capacities: sizes });
  program.write(parameters.get('x')!, x);
  if (inputNamed(whole, 'positions') !== undefined)
    program.write(
      'positions',
      Int32Array.from({ length: LENGTH }, (_, t) => t),
    );
  program.write(gradientName(primitives.outputs[0]), direction);
  for (const [i, name] of [...parameters.keys()].entries()) program.write(gradientName(gradients[i]), change[name]);
  program.run(sizes);
  const found: Record<string, Float32Array> = {};
  for (const [i, name] of [...parameters.keys()].entries()) {
    found[name] = new Float32Array(change[name].length);
    await program.read(products[i], found[name]);
  }
  program.close();
  memory.close();
  return found;
}

for (const [title, config, tensors] of [
  ['a llama block', llama, 9],
  ['a Gemma 3 block with a window', gemma, 13],
] as const) {
  test(`Hessian-vector products of ${title}, by all its tensors and inputs at once, equal jax-js's within 1e-5`, async () => {
    const { graph, block, change } = blockOf(config);
    const found = await hessianProduct(graph, block, change);
    const expected = await jaxBlockHessian(block, change);
    assert.deepEqual(Object.keys(found).sort(), Object.keys(expected).sort());
    assert.equal(Object.keys(found).length, tensors + 1);
    for (const [name, product] of Object.entries(expected)) {
      assert.ok(Math.hypot(...product) > 1, `${name}: the product is nothing`);
      const distance = relativeDistance(found[name], product);
      assert.ok(distance <= 1e-5, `${name}: relative distance ${distance}`);
    }
  });
}
