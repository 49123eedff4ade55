import assert from 'node:assert/strict';
import { test } from 'node:test';
import { Random } from '../../src/core/random.ts';
import { expand } from '../../src/graph/expand.ts';
import { opNamed } from '../../src/graph/ops/index.ts';
import type { Graph, ValueId } from '../../src/graph/types.ts';
import { countOf, type Sizes } from '../../src/kernels/program.ts';
import { architectureByName } from '../../src/model/architecture.ts';
import type { ModelConfig } from '../../src/model/types.ts';
import { smallConfig } from '../measure/support.ts';
import { cnn, encoder } from '../networks/build.ts';
import { evaluate64, type Numbers } from './float64.ts';
import { randomWeights } from './weights.ts';

/** Text of two sequences, or two images of 64 pixels, or of 8 rows. */
const text = { sequences: 2, length: 6, tokens: 12, wanted: 5, past: 0, context: 6 };
const images = { sequences: 2, length: 1, tokens: 2, past: 0, context: 1 };
const rows = { sequences: 2, length: 8, tokens: 16, past: 0, context: 8 };

/** A float32: constants of expansions are. */
const normEpsilon = 2 ** -16;
const base: ModelConfig = { ...smallConfig, normEpsilon };
const halves: ModelConfig = { ...base, rope: { theta: 100, dimensions: 4, style: 'halves' } };
const window = { tokens: 3, layers: [true, false] };
const experts = { count: 5, used: 2, feedForward: 12, sharedFeedForward: 10 };

/** Every architecture, in the order of the registry. */
const language: readonly [string, ModelConfig][] = [
  ['llama', base],
  ['qwen2', halves],
  ['qwen3', halves],
  ['gemma3', { ...halves, window, attentionScale: 0.4 }],
  ['qwen2moe', { ...halves, experts }],
];

const networks: readonly (readonly [string, Graph, Sizes])[] = [
  ...language.map(
    ([name, config]) =>
      [name, architectureByName(name, 'test').graph({ ...config, architecture: name }), text] as const,
  ),
  ['a CNN while it is trained', cnn(true), images],
  ['a CNN', cnn(false), images],
  ['an encoder', encoder(), rows],
];

/** Numbers of everything from outside, by name. */
function numbersFor(graph: Graph, sizes: Sizes): Map<string, Numbers> {
  const random = new Random(5);
  const numbers = new Map<string, Numbers>();
  for (const [name, { values }] of randomWeights(graph, random)) numbers.set(name, Float64Array.from(values));
  for (const value of graph.values) {
    if (value.source !== 'input') continue;
    const length = countOf(value.shape, sizes);
    const below = value.name === 'positions' ? sizes.length : value.name === 'wanted' ? sizes.tokens : base.vocabulary;
    const ids = value.name === 'positions' ? (i: number) => i % below : () => random.integer(below);
    numbers.set(
      value.name,
      value.type === 'i32'
        ? Int32Array.from({ length }, (_, i) => ids(i))
        : Float64Array.from({ length }, () => random.normal()),
    );
  }
  return numbers;
}

function outputOf(graph: Graph, numbers: ReadonlyMap<string, Numbers>, sizes: Sizes): Numbers {
  const given = new Map<ValueId, Numbers>();
  for (const [id, value] of graph.values.entries()) {
    const name = value.source === 'input' ? value.name : value.source === 'weight' ? value.tensor : undefined;
    if (name !== undefined && numbers.has(name)) given.set(id, numbers.get(name)!);
  }
  return evaluate64(graph, given, sizes).get(graph.outputs[0])!;
}

for (const [name, graph, sizes] of networks) {
  test(`outputs of ${name} are those of its expansion within 1e-10 of the largest, in float64`, () => {
    const primitives = expand(graph, sizes);
    assert.ok(primitives.nodes.every(({ op }) => opNamed(op).primitive));
    assert.equal(primitives.cuts.length, graph.cuts.length);
    const numbers = numbersFor(graph, sizes);
    const [found, expected] = [primitives, graph].map((one) => outputOf(one, numbers, sizes));
    const largest = Math.max(...Array.from(expected, Math.abs));
    assert.ok(largest > 0.1 && found.length === expected.length);
    for (const [i, value] of expected.entries())
      assert.ok(Math.abs(found[i] - value) <= 1e-10 * largest, `${i}: ${found[i]} for ${value}`);
  });
}
