import assert from 'node:assert/strict';
import { test } from 'node:test';
import { differentiate } from '../../src/graph/differentiate.ts';
import { opNamed, ops } from '../../src/graph/ops/index.ts';
import { schedule } from '../../src/graph/schedule.ts';
import type { Graph, ValueId } from '../../src/graph/types.ts';
import type { Device } from '../../src/kernels/device.ts';
import { countOf, type Sizes } from '../../src/kernels/program.ts';
import { createReferenceKernels } from '../../src/kernels/reference/index.ts';
import { SharedMemory } from '../../src/run/memory.ts';
import { RunningProgram } from '../../src/run/program.ts';
import { testKernels } from '../support/kernels.ts';
import { CASES, casesOf, opsWithCases } from './cases.ts';
import { arrayOf, evaluate64, type Numbers } from './float64.ts';
import {
  distance,
  everyCase,
  expanded,
  inner,
  isFloat,
  type Prepared,
  prepared,
  widened,
  withGradients,
} from './prepared.ts';

const reference = createReferenceKernels();
const target = { states: 'whole' } as const;

/** Half a step of central differences; their error in float64 is about its square. */
const STEP = 1e-5;

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
