import assert from 'node:assert/strict';
import { mkdtemp, rm } from 'node:fs/promises';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { after, before, test } from 'node:test';
import { fileSink } from '../../src/container/node.ts';
import { Random } from '../../src/core/random.ts';
import { differentiate, gradientName } from '../../src/graph/differentiate.ts';
import { expand } from '../../src/graph/expand.ts';
import { allRows, rewrite } from '../../src/graph/rewrite.ts';
import { inputsOf, weightsOf } from '../../src/graph/segments.ts';
import type { Attributes, Graph, Node, Recipe } from '../../src/graph/types.ts';
import { countOf } from '../../src/kernels/program.ts';
import { openModel } from '../../src/model/open.node.ts';
import type { Model } from '../../src/model/types.ts';
import { writeModelGguf } from '../../src/model/write-gguf.ts';
import { nodeHost } from '../../src/pipeline/host/node.ts';
import { quantizeModel } from '../../src/pipeline/quantize.ts';
import { holdOut } from '../../src/pipeline/texts.ts';
import { SharedMemory } from '../../src/run/memory.ts';
import { RunningProgram, tensorOf } from '../../src/run/program.ts';
import { sizesOf, textSequences } from '../../src/run/sequences.ts';
import { createSession } from '../../src/run/session.ts';
import { randomTokens } from '../pipeline/support.ts';
import { testKernels } from './kernels.ts';
import { openPeer, type Peer } from './peer.ts';
import { syntheticModel } from './synthetic.ts';

/* What every architecture is held to: one call in `test/model/architectures/NAME.test.ts`, on a tiny random model. */

export interface ArchitectureCase {
  /** What the titles of its tests begin with. */
  readonly name: string;
  /** Class of Transformers, a value of config.json's `architectures`. */
  readonly huggingFace: string;
  /** Fields of config.json beside those of `syntheticConfig`; windows shorter than 64 tokens. */
  readonly fields: Readonly<Record<string, unknown>>;
  /** The network without one of its attributes, by the attribute's name, see `changed` and `without`. */
  readonly variants: (graph: Graph) => Readonly<Record<string, Graph>>;
  /**
   * Largest difference from llama.cpp's logits, in units of the largest logit; default 1e-3. `null` where llama.cpp differs from
   * the published model or does not know it: then the case brings a judge of its own.
   */
  readonly bound?: number | null;
  /** How far weights are moved when gradients are compared with differences, in units of their own size; default 1e-3. */
  readonly step?: number;
}

/** Tokens that models are compared on. */
export const comparedTokens = Array.from({ length: 64 }, (_, i) => (i * 613 + 12) % 4096);

/** Differences between machines stay below it. */
const BOUND = 1e-3;
/** What is missing moves logits by at least ten bounds, so that it would be seen. */
const MOVED = 10 * BOUND;
/** Logits of two best tokens that are nearer than this share of the largest may change places by rounding. */
const TOP_MARGIN = 0.02;

/** Registers the tests of one architecture. */
export function testArchitecture({ name, huggingFace, fields, variants, bound = BOUND, step }: ArchitectureCase): void {
  const open = (): Promise<Model> => syntheticModel(huggingFace, { ...fields });
  let folder: string;
  let peer: Peer | string;
  before(async () => {
    folder = await mkdtemp(join(tmpdir(), 'bitbudget-architecture-'));
    peer = bound === null ? 'llama.cpp is no judge of this one' : await openPeer();
  });
  after(async () => {
    if (typeof peer !== 'string') await peer.close();
    await rm(folder, { recursive: true });
  });

  const sameLogits = bound === null ? '' : `, and llama.cpp’s to ${bound} of the largest`;
  test(`${name}: logits of the folder and of our GGUF are the same${sameLogits}`, async (t) => {
    const model = await open();
    const path = await written(model, join(folder, 'f32.gguf'), () => 'F32');
    const reopened = await openModel(path);
    const ours = await logitsOf(model);
    assert.equal(largestDifference(await logitsOf(reopened), ours), 0, 'folder and GGUF differ');
    await reopened.close();
    if (typeof peer === 'string') return void (bound === null || t.skip(peer));
    const worst = largestDifference(ours, await peer.logits(path, comparedTokens)) / largestOf(ours);
    t.diagnostic(`largest difference ${worst.toExponential(2)} of the largest logit`);
    assert.ok(worst < bound!, `largest difference ${worst} of the largest logit`);
  });

  test(`${name}: without any one of its attributes logits move by at least ${MOVED} of the largest`, async () => {
    const model = await open();
    const whole = await logitsOf(model);
    for (const [attribute, graph] of Object.entries(variants(model.graph))) {
      assert.notDeepEqual(graph, model.graph, `without ${attribute} nothing changed`);
      const moved = largestDifference(await logitsOf({ ...model, graph }), whole) / largestOf(whole);
      assert.ok(moved >= MOVED, `without ${attribute} logits move by ${moved.toExponential(1)} alone`);
    }
  });

  test(`${name}: token by token gives the logits of one pass, to 1e-5 of the largest`, async () => {
    const model = await open();
    const all = await logitsOf(model);
    const width = model.config.vocabulary;
    const session = await createSession((await testKernels()).device, model, { contextLength: 64, exact: true });
    const found: number[] = [];
    const keep = (token: number, logits: Float32Array): void => {
      found.push(largestDifference(logits, all.subarray(token * width, (token + 1) * width)));
    };
    keep(20, await session.prefill(Int32Array.from(comparedTokens.slice(0, 21))));
    for (let token = 21; token < comparedTokens.length; token++)
      keep(token, await session.decode(comparedTokens[token]));
    session.close();
    assert.ok(Math.max(...found) <= 1e-5 * largestOf(all), `largest difference ${Math.max(...found)}`);
  });

  test(`${name}: gradients agree with differences to 2 %, and primitives give the same logits to 1e-5 of the largest`, async () => {
    const { slope, difference, logits, primitives } = await slopeAndDifference(await open(), step);
    assert.ok(Math.abs(slope - difference) <= 0.02 * Math.abs(difference), `slope ${slope}, difference ${difference}`);
    assert.ok(largestDifference(primitives, logits) <= 1e-5 * largestOf(logits));
  });

  const sameTop =
    bound === null
      ? 'with the tensors of the original'
      : `whose top token is llama.cpp’s wherever our two best differ by more than ${TOP_MARGIN} of the largest logit`;
  test(`${name}: the whole job at 6.5 bits makes a file ${sameTop}`, async (t) => {
    const output = join(folder, 'small.gguf');
    const source = await open();
    await quantizeModel(nodeHost, source, {
      output,
      target: { kind: 'budgets', wishes: { bitsPerWeight: 6.5 } },
      folder,
      rounding: 'gptq',
      calibration: async () => randomTokens(8, 32, 1),
      evaluation: async () => holdOut(randomTokens(8, 32, 2).ids, 32),
      evaluationLength: 32,
      threads: 1,
    });
    const model = await openModel(output);
    const formats = new Set([...model.tensors.values()].map(({ format }) => format));
    assert.ok(formats.size > 1 && !formats.has('F16'), `formats ${[...formats].join(', ')}`);
    for (const [tensor, { shape }] of source.tensors) assert.deepEqual(model.tensors.get(tensor)!.shape, shape, tensor);
    const ours = await logitsOf(model, false);
    await model.close();
    if (typeof peer === 'string') return void (bound === null || t.skip(peer));
    const compared = comparedTops(ours, await peer.logits(output, comparedTokens));
    t.diagnostic(`${compared} of ${comparedTokens.length} tokens compared`);
    assert.ok(compared >= comparedTokens.length / 2);
  });
}

/** A graph with some nodes' attributes changed. */
export function changed(graph: Graph, op: string, attributes: Attributes): Graph {
  return rewrite(graph, (node, inputs, build) =>
    node.op === op ? build.nodes(op, inputs, { ...node.attributes, ...attributes }) : undefined,
  );
}

/** A graph without some nodes: what they read takes their place. @param isGone a node, and the first weight that it reads */
export function without(graph: Graph, isGone: (node: Node, weight: string) => boolean): Graph {
  return rewrite(graph, (node, inputs) => {
    const weight = node.inputs
      .map((id) => (id === null ? undefined : graph.values[id]))
      .find((v) => v?.source === 'weight');
    return isGone(node, weight?.source === 'weight' ? weight.tensor : '') ? [inputs[0]!] : undefined;
  });
}

/** A graph in which what a table's rows add is nothing. */
export function zeroed(graph: Graph, table: string): Graph {
  return rewrite(graph, (node, inputs, build) => {
    const weight = graph.values[node.inputs[1] ?? 0];
    if (node.op !== 'lookup' || weight.source !== 'weight' || weight.tensor !== table) return undefined;
    return [build.node('scale', build.nodes('lookup', inputs), { factor: 0 })];
  });
}

/** The RoPE of one kind of blocks in the place of the other's. */
export function oneRope(graph: Graph): Graph {
  const tables = [...new Set(graph.nodes.filter(({ op }) => op === 'rope').map(({ inputs }) => inputs[2]!))];
  assert.equal(tables.length, 2);
  const swapped = graph.nodes.map((node) =>
    node.op === 'rope' ? { ...node, inputs: [...node.inputs.slice(0, 2), tables[0]] } : node,
  );
  return { ...graph, nodes: swapped };
}

/** A graph whose tables of RoPE are made otherwise. */
export function otherRope(graph: Graph, change: (recipe: RopeRecipe) => RopeRecipe): Graph {
  const values = graph.values.map((value) =>
    value.source === 'constant' && value.recipe.kind === 'rope' ? { ...value, recipe: change(value.recipe) } : value,
  );
  return { ...graph, values };
}

type RopeRecipe = Extract<Recipe, { kind: 'rope' }>;

/** Logits of the compared tokens, [tokens, vocabulary]. @param exact in float32 alone, default true */
export async function logitsOf(model: Model, exact = true): Promise<Float32Array> {
  const session = await createSession((await testKernels()).device, model, { contextLength: 64, exact });
  const logits = await session.allLogits(comparedTokens);
  session.close();
  return logits;
}

export async function written(
  model: Model,
  path: string,
  formatOf: (tensor: { shape: readonly number[] }) => string,
): Promise<string> {
  await writeModelGguf(model, await fileSink(path), { formatOf });
  return path;
}

/**
 * Σ outputs · direction of 12 tokens when all weights move along a random direction: by the gradients, and by the difference
 * of two runs. Beside them the logits, by the network and by its expansion into primitives.
 */
export async function slopeAndDifference(model: Model, step = 1e-3) {
  const length = 12;
  const sizes = { ...sizesOf({ length }, 1), context: length };
  const graph = allRows(model.graph);
  const weights = [...graph.values.entries()].filter(([, value]) => value.source === 'weight');
  const read = new Set(weightsOf(graph));
  const all = weights.filter(([, value]) => value.source === 'weight' && read.has(value.tensor)).map(([id]) => id);
  const { graph: both, gradientOf } = differentiate(graph, graph.outputs, all);
  // What chooses alone, as biases of routers do, has no gradient and stays.
  const wanted = all.filter((id) => gradientOf(id) !== undefined);
  const gradients = wanted.map((id) => gradientOf(id)!);
  const { device } = await testKernels();
  const random = new Random(5);
  const moves = new Map<number, { values: Float32Array; along: Float32Array }>();
  for (const id of all) {
    const values = await tensorOf(model, (graph.values[id] as { tensor: string }).tensor).load();
    const size = Math.sqrt(values.reduce((sum, value) => sum + value * value, 0) / values.length);
    moves.set(id, { values, along: values.map(() => (wanted.includes(id) ? size * random.normal() : 0)) });
  }
  const outputs = countOf(graph.values[graph.outputs[0]].shape, sizes);
  const direction = Float32Array.from({ length: outputs }, () => random.normal());
  const sequences = textSequences({ sequences: 1, length, ids: Int32Array.from(comparedTokens.slice(0, length)) });
  /** A graph's run with all weights moved: the outputs' sum along the direction, and what else it makes. */
  const run = async (
    running: Graph,
    by: number,
  ): Promise<{ sum: number; outputs: Float32Array; program: RunningProgram }> => {
    const memory = new SharedMemory(device);
    for (const [id, { values, along }] of moves)
      memory.set(
        (graph.values[id] as { tensor: string }).tensor,
        values.map((value, i) => value + by * along[i]),
      );
    const program = new RunningProgram(memory, running, { target: { states: 'whole' }, capacities: sizes });
    for (const id of inputsOf(running)) {
      const { name } = running.values[id] as { name: string };
      program.write(id, name === gradientName(graph.outputs[0]) ? direction : sequences.input(name, [0]));
    }
    program.run(sizes);
    const outputs = new Float32Array(direction.length);
    await program.read(running.outputs[0], outputs);
    return { sum: dot(outputs, direction), outputs, program };
  };
  const { program, outputs: logits } = await run({ ...both, outputs: [...graph.outputs, ...gradients] }, 0);
  let slope = 0;
  for (const [i, id] of wanted.entries()) {
    const { along } = moves.get(id)!;
    const gradient = new Float32Array(along.length);
    await program.read(gradients[i], gradient);
    slope += dot(gradient, along);
  }
  const difference = ((await run(graph, step)).sum - (await run(graph, -step)).sum) / (2 * step);
  const { outputs: primitives } = await run(expand(graph, sizes), 0);
  return { slope, difference, logits, primitives };
}

/** Asserts that the best tokens are the same where they are clearly the best. @returns how many positions were clear */
function comparedTops(ours: Float32Array, theirs: Float32Array): number {
  const width = ours.length / comparedTokens.length;
  const largest = largestOf(ours);
  let compared = 0;
  for (let token = 0; token < comparedTokens.length; token++) {
    const row = ours.subarray(token * width, (token + 1) * width);
    const [first, second] = row.toSorted().subarray(-2).reverse();
    if (first - second <= TOP_MARGIN * largest) continue;
    const other = theirs.subarray(token * width, (token + 1) * width);
    assert.equal(
      row.indexOf(first),
      other.indexOf(other.reduce((a, b) => Math.max(a, b), -Infinity)),
      `token ${token}`,
    );
    compared++;
  }
  return compared;
}

export function dot(a: Float32Array, b: Float32Array): number {
  let sum = 0;
  for (let i = 0; i < a.length; i++) sum += a[i] * b[i];
  return sum;
}

export function largestOf(values: Float32Array): number {
  return values.reduce((most, value) => Math.max(most, Math.abs(value)), 0);
}

export function largestDifference(a: Float32Array, b: Float32Array): number {
  assert.equal(a.length, b.length);
  let worst = 0;
  for (let i = 0; i < a.length; i++) worst = Math.max(worst, Math.abs(a[i] - b[i]));
  return Number.isNaN(a[0] + b[0]) ? Number.POSITIVE_INFINITY : worst;
}
