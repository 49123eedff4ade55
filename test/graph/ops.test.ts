import assert from 'node:assert/strict';
import { test } from 'node:test';
import { Random } from '../../src/core/random.ts';
import { differentiate } from '../../src/graph/differentiate.ts';
import { expand } from '../../src/graph/expand.ts';
import { opNamed, ops } from '../../src/graph/ops/index.ts';
import { schedule } from '../../src/graph/schedule.ts';
import type { Graph, Op, ValueId } from '../../src/graph/types.ts';
import type { Device } from '../../src/kernels/device.ts';
import { countOf, type Sizes } from '../../src/kernels/program.ts';
import { createReferenceKernels } from '../../src/kernels/reference/index.ts';
import { SharedMemory } from '../../src/run/memory.ts';
import { RunningProgram } from '../../src/run/program.ts';
import { testKernels } from '../support/kernels.ts';
import { CASES, casesOf, type OpCase, opsWithCases } from './cases.ts';
import { arrayOf, evaluate64, graphOf, type Numbers } from './float64.ts';

const reference = createReferenceKernels();
const target = { states: 'whole' } as const;

/** Half a step of central differences; their error in float64 is about its square. */
const STEP = 1e-5;

interface Prepared {
  readonly graph: Graph;
  /** Values of the inputs, by id. */
  readonly given: ReadonlyMap<ValueId, Float32Array | Int32Array>;
  /** Inputs that nothing is differentiated by. */
  readonly fixed: ReadonlySet<ValueId>;
  readonly sizes: Sizes;
}

function prepared(op: string, { inputs: given, attributes = {}, sizes }: OpCase): Prepared {
  const { graph, inputs } = graphOf(op, given, attributes);
  const values = new Map(inputs.flatMap((id, i) => (id === null ? [] : [[id, given[i]!.values] as const])));
  const fixed = new Set(inputs.filter((id, i) => id !== null && given[i]!.fixed === true) as ValueId[]);
  const { sequences, length } = sizes ?? { sequences: 1, length: 1 };
  return {
    graph,
    given: values,
    fixed,
    sizes: { sequences, length, tokens: sequences * length, past: 0, context: length },
  };
}

/** Outputs, and states after two runs, for sums must go on. */
async function runOn(device: Device, { graph, given, sizes }: Prepared): Promise<Numbers[]> {
  const memory = new SharedMemory(device);
  const program = new RunningProgram(memory, graph, { target, capacities: sizes });
  const read = new Set([...graph.nodes.flatMap(({ inputs }) => inputs), ...graph.outputs]);
  for (let run = 0; run < 2; run++) {
    for (const [id, values] of given) if (read.has(id)) program.write(id, values);
    program.run(sizes);
  }
  const found: Numbers[] = [];
  for (const id of graph.outputs) {
    const { type, shape } = graph.values[id];
    const values = type === 'f32' ? new Float32Array(countOf(shape, sizes)) : arrayOf(type, countOf(shape, sizes));
    await program.read(id, values);
    found.push(type === 'f32' ? Float64Array.from(values) : (values as Numbers));
  }
  for (const { name, type, shape } of statesOf(graph, sizes)) {
    const values = new (type === 'f64' ? Float64Array : Float32Array)(countOf(shape, sizes));
    await device.read({ buffer: memory.state(name, values.byteLength) }, values);
    found.push(Float64Array.from(values));
  }
  program.close();
  memory.close();
  return found;
}

function statesOf(graph: Graph, sizes: Sizes) {
  const names = graph.nodes.map(({ attributes }) => attributes.state);
  const { places } = schedule(graph, target, sizes).program;
  return places.filter((place) => place.kind === 'state').filter(({ name }) => names.includes(name));
}

/** Largest difference, in units of the largest of the expected numbers where that is above 1. */
function distance(found: ArrayLike<number>, expected: ArrayLike<number>): number {
  assert.equal(found.length, expected.length);
  let [worst, largest] = [0, 1];
  for (let i = 0; i < expected.length; i++) {
    assert.ok(Number.isFinite(expected[i]) && Number.isFinite(found[i]), `${found[i]} for ${expected[i]}`);
    worst = Math.max(worst, Math.abs(found[i] - expected[i]));
    largest = Math.max(largest, Math.abs(expected[i]));
  }
  return worst / largest;
}

const asFloat64 = (values: Float32Array | Int32Array): Numbers =>
  values instanceof Float32Array ? Float64Array.from(values) : values;

const widened = (given: Prepared['given']): Map<ValueId, Numbers> =>
  new Map([...given].map(([id, values]) => [id, asFloat64(values)]));

const isFloat = (graph: Graph, id: ValueId): boolean => graph.values[id].type === 'f32';

/**
 * A graph with gradients at all float inputs, its seeds, and values of everything that it reads. Odd seeds give the
 * inputs gradients of their own too, as those of values that several nodes read: shares are added to them.
 */
function withGradients({ graph, given, fixed, sizes }: Prepared, seed: number) {
  const random = new Random(seed);
  const normals = (length: number) => Float32Array.from({ length }, () => random.normal());
  const outputs = graph.outputs.filter((id) => isFloat(graph, id));
  const wanted = [...given.keys()].filter((id) => isFloat(graph, id) && !fixed.has(id));
  const gradients = differentiate(graph, seed % 2 === 0 ? outputs : [...outputs, ...wanted], wanted);
  const all = new Map(given);
  const seeds = new Map<ValueId, Float32Array>();
  for (const [id, value] of gradients.graph.values.entries()) {
    if (value.source !== 'input' || all.has(id)) continue;
    all.set(id, normals(countOf(value.shape, sizes)));
    seeds.set(Number(value.name.split(' ')[1]), all.get(id) as Float32Array);
  }
  const directions = new Map(wanted.map((id) => [id, normals(given.get(id)!.length)]));
  return { ...gradients, seeds, directions, prepared: { graph: gradients.graph, given: all, fixed, sizes } };
}

const inner = (a: ArrayLike<number>, b: ArrayLike<number>): number =>
  Array.from(a, (value, i) => value * b[i]).reduce((sum, value) => sum + value, 0);

/** Derivative of Σ seed · output along a direction of one input. */
function slopeAlong(
  { graph, given, sizes }: Prepared,
  seeds: ReadonlyMap<ValueId, Float32Array>,
  input: ValueId,
  direction: Float32Array,
): number {
  const at = (step: number): number => {
    const moved = widened(given).set(
      input,
      Float64Array.from(given.get(input)!, (value, i) => value + step * direction[i]),
    );
    const found = evaluate64(graph, moved, sizes);
    return [...seeds].reduce((sum, [id, seed]) => sum + inner(found.get(id)!, seed), 0);
  };
  return (at(STEP) - at(-STEP)) / (2 * STEP);
}

/** Calls with each case of some ops. @throws AssertionError that names the first case of every op that fails */
async function everyCase(
  chosen: readonly Op[],
  visit: (op: Op, given: OpCase, index: number) => void | Promise<void>,
): Promise<void> {
  const failed = new Map<string, string>();
  let count = 0;
  for (const op of chosen) {
    for (const [index, given] of casesOf(op.name).entries()) {
      try {
        await visit(op, given, index);
      } catch (error) {
        const shapes = JSON.stringify(given.inputs.map((input) => input?.shape ?? null));
        const subject = `case ${index}: ${shapes} ${JSON.stringify(given.attributes ?? {})}`;
        if (!failed.has(op.name)) failed.set(op.name, `${subject}: ${(error as Error).message}`);
      }
      count++;
    }
  }
  assert.deepEqual(Object.fromEntries(failed), {});
  assert.equal(count, chosen.length * CASES);
}

const differentiable = ops.filter(({ vjp }) => vjp !== undefined);
/** Ops whose gradient is not that of what they compute, but of what they stand for: x itself. */
const straightThrough = ['round'];

test('every op has cases, and every case is of an op', () => {
  assert.deepEqual(opsWithCases().sort(), ops.map(({ name }) => name).sort());
  assert.equal(new Set(ops.map(({ name }) => name)).size, ops.length);
});

test('every op on WebAssembly is the reference within 1e-5 of its largest number', async () => {
  const { device } = await testKernels();
  await everyCase(ops, async (op, given) => {
    const one = prepared(op.name, given);
    const [found, expected] = [await runOn(device, one), await runOn(reference.device, one)];
    assert.ok(expected.length > 0);
    for (const [i, values] of expected.entries()) {
      const away = distance(found[i], values);
      assert.ok(away <= 1e-5, `output ${i} is ${away} away`);
    }
  });
});

test("the gradients of every op are slopes of the reference's outputs within 1e-7", async () => {
  let slopes = 0;
  await everyCase(differentiable, (op, given, index) => {
    const plain = prepared(op.name, given);
    const { prepared: whole, gradientOf, seeds, directions } = withGradients(plain, index);
    const values = evaluate64(whole.graph, widened(whole.given), whole.sizes);
    for (const [input, direction] of directions) {
      const slope = straightThrough.includes(op.name)
        ? [...seeds.values()].reduce((sum, seed) => sum + inner(seed, direction), 0)
        : slopeAlong(plain, seeds, input, direction);
      const gradient = gradientOf(input);
      const predicted = gradient === undefined ? 0 : inner(values.get(gradient)!, direction);
      const away = distance([predicted], [slope]);
      assert.ok(away <= 1e-7, `input ${input} is ${away} away: ${predicted} for ${slope}`);
      if (Math.abs(slope) > 1e-3) slopes++;
    }
  });
  assert.ok(slopes > 15 * differentiable.length, `${slopes} slopes are not 0`);
});

test('the gradients of every op on WebAssembly are those in float64 within 1e-5 of the largest', async () => {
  const { device } = await testKernels();
  await everyCase(differentiable, async (op, given, index) => {
    const { prepared: whole, gradientOf } = withGradients(prepared(op.name, given), index);
    const values = evaluate64(whole.graph, widened(whole.given), whole.sizes);
    const outputs = [...whole.given.keys()].map(gradientOf).filter((id) => id !== undefined);
    const found = await runOn(device, { ...whole, graph: { ...whole.graph, outputs } });
    for (const [i, id] of outputs.entries()) {
      const away = distance(found[i], values.get(id)!);
      assert.ok(away <= 1e-5, `gradient ${i} is ${away} away`);
    }
  });
});

/** The same network in primitives, with what it is given under its own ids. */
function expanded(one: Prepared): Prepared {
  const graph = expand(one.graph, one.sizes);
  const idOf = (id: ValueId): ValueId | undefined =>
    graph.values.findIndex(
      (value) => value.source === 'input' && value.name === (one.graph.values[id] as { name: string }).name,
    );
  const moved = [...one.given].map(([id, values]) => [idOf(id), values] as const).filter(([id]) => id !== -1);
  return {
    ...one,
    graph,
    given: new Map(moved as [ValueId, Float32Array][]),
    fixed: new Set([...one.fixed].map(idOf) as ValueId[]),
  };
}

/** Outputs, and gradients at inputs by name; nothing where nothing depends on one. */
function outputsAndGradients(one: Prepared, seed: number): Map<string, Numbers> {
  const { prepared: whole, gradientOf } = withGradients(one, seed);
  const values = evaluate64(whole.graph, widened(whole.given), whole.sizes);
  const found = new Map(one.graph.outputs.map((id, i) => [`output ${i}`, values.get(id)!]));
  for (const id of one.given.keys()) {
    const gradient = gradientOf(id);
    if (gradient !== undefined) found.set((one.graph.values[id] as { name: string }).name, values.get(gradient)!);
  }
  return found;
}

const expandable = ops.filter(({ expand }) => expand !== undefined);

test('outputs and gradients of every op are those of its expansion within 1e-12 of the largest, in float64', async () => {
  let gradients = 0;
  await everyCase(expandable, (op, given, index) => {
    const one = prepared(op.name, given);
    const primitives = expanded(one);
    assert.ok(primitives.graph.nodes.every((node) => opNamed(node.op).primitive));
    const found = outputsAndGradients(primitives, index);
    if (op.vjp === undefined) {
      const values = evaluate64(one.graph, widened(one.given), one.sizes);
      const away = distance(found.get('output 0')!, values.get(one.graph.outputs[0])!);
      assert.ok(away <= 1e-12, `output is ${away} away`);
      return;
    }
    for (const [name, expected] of outputsAndGradients(one, index)) {
      const away = distance(found.get(name) ?? new Float64Array(expected.length), expected);
      assert.ok(away <= 1e-12, `${name} is ${away} away`);
      gradients++;
    }
  });
  assert.ok(gradients > 2 * CASES * differentiable.filter((op) => expandable.includes(op)).length);
});

test('expansions on WebAssembly are the reference within 1e-5 of its largest number', async () => {
  const { device } = await testKernels();
  await everyCase(expandable, async (op, given) => {
    const one = prepared(op.name, given);
    const [found, expected] = [await runOn(device, expanded(one)), await runOn(reference.device, one)];
    for (const [i, values] of found.entries()) {
      const away = distance(values, expected[i]);
      assert.ok(away <= 1e-5, `output ${i} is ${away} away`);
    }
  });
});

test('an op without a gradient says so instead of giving none', async () => {
  let refused = 0;
  for (const op of ops.filter(({ vjp }) => vjp === undefined)) {
    const { graph, given } = prepared(op.name, casesOf(op.name).at(-1)!);
    const outputs = graph.outputs.filter((id) => isFloat(graph, id));
    const wanted = [...given.keys()].filter((id) => isFloat(graph, id));
    if (outputs.length === 0) continue;
    assert.throws(() => differentiate(graph, outputs, wanted), new RegExp(`op ${op.name} has no gradient`));
    refused++;
  }
  assert.ok(refused > 0);
});
