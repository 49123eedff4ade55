import assert from 'node:assert/strict';
import type { Random } from '../../src/core/random.ts';
import type { RouteShape } from '../../src/kernels/contract/experts.ts';
import type { Kernels } from '../../src/kernels/contract.ts';
import { createReferenceKernels } from '../../src/kernels/reference/index.ts';
import { createWasmKernels } from '../../src/kernels/wasm/index.ts';

export const builds = ['relaxed', 'simd', 'scalar'] as const;
export const reference = createReferenceKernels();

/** Runs `work` on every build, with two threads, and asserts that each of them ran. */
export async function onEveryBuild(work: (kernels: Kernels) => void): Promise<void> {
  let ran = 0;
  for (const build of builds) {
    const kernels = await createWasmKernels({ build, threads: 2 });
    try {
      assert.equal(kernels.name, `wasm-${build}`);
      kernels.scope(() => work(kernels));
      ran++;
    } finally {
      kernels.close();
    }
  }
  assert.equal(ran, 3);
}

/** Standard normal values. */
export function normal(random: Random, length: number): Float32Array {
  return Float32Array.from({ length }, () => random.normal());
}

/** Indexes in the memory of these kernels. */
export function indexes(kernels: Kernels, values: readonly number[] | Int32Array): Int32Array {
  const array = kernels.i32(values.length);
  array.set(values);
  return array;
}

/**
 * An operation as a function of arrays: it gets its inputs in the memory of the kernels and returns its outputs.
 * Inputs may be changed.
 */
export type Operation = (kernels: Kernels, ...inputs: Float32Array[]) => Float32Array[];

/** Outputs of `operation` on these kernels and on the reference, copied out. */
export function outputs(kernels: Kernels, operation: Operation, inputs: Float32Array[]) {
  const found = kernels.scope(() =>
    operation(kernels, ...inputs.map((input) => kernels.upload(input))).map((y) => y.slice()),
  );
  const expected = operation(reference, ...inputs.map((input) => input.slice()));
  return { found, expected };
}

/** Largest |found − expected| ÷ max(|expected|, floor); infinite where only one is NaN or they are other infinities. */
export function worstError(found: Float32Array, expected: Float32Array, floor: number): number {
  assert.equal(found.length, expected.length);
  let worst = 0;
  for (let i = 0; i < found.length; i++) {
    if (Object.is(found[i], expected[i]) || found[i] === expected[i]) continue;
    const error = Math.abs(found[i] - expected[i]) / Math.max(Math.abs(expected[i]), floor);
    worst = Math.max(worst, Number.isNaN(error) ? Infinity : error);
  }
  return worst;
}

/** Asserts that every output of `operation` is within `bound` of the reference's, relative with the given floor. */
export function assertClose(
  kernels: Kernels,
  operation: Operation,
  inputs: Float32Array[],
  bound: number,
  { floor = 1, label = '' } = {},
): void {
  const { found, expected } = outputs(kernels, operation, inputs);
  found.forEach((array, i) => {
    const error = worstError(array, expected[i], floor);
    assert.ok(error <= bound, `${kernels.name} ${label} output ${i}: error ${error} > ${bound}`);
  });
}

/** Σ weights·outputs of an operation of the reference, in float64: a scalar to differentiate. */
export function weightedSum(operation: Operation, inputs: Float32Array[], weights: Float32Array[]): number {
  const results = operation(reference, ...inputs.map((input) => input.slice()));
  return results.reduce((sum, y, o) => y.reduce((part, value, i) => part + value * weights[o][i], sum), 0);
}

/** Slope of `loss` at coordinate `index` of `input`, by central differences. */
export function slope(loss: () => number, input: Float32Array, index: number, step = 1e-2): number {
  const value = input[index];
  input[index] = value + step;
  const [above, high] = [loss(), input[index]];
  input[index] = value - step;
  const [below, low] = [loss(), input[index]];
  input[index] = value;
  return (above - below) / (high - low);
}

/**
 * Asserts that the gradients of an operation of the reference are its slopes, within `bound` (relative above 1).
 * @param backward gets the inputs and `dy`, returns a gradient for each of the first inputs
 * @returns the number of slopes compared
 */
export function assertSlopes(
  forward: Operation,
  backward: Operation,
  inputs: Float32Array[],
  dy: Float32Array,
  bound: number,
  step = 1e-3,
): number {
  const gradients = backward(reference, ...inputs.map((input) => input.slice()), dy.slice());
  const loss = () => weightedSum(forward, inputs, [dy]);
  let cases = 0;
  gradients.forEach((gradient, input) => {
    assert.equal(gradient.length, inputs[input].length);
    gradient.forEach((value, i) => {
      const expected = slope(loss, inputs[input], i, step);
      const error = Math.abs(value - expected) / Math.max(1, Math.abs(value));
      assert.ok(error < bound, `input ${input} at ${i}: ${value}, differences give ${expected}`);
      cases++;
    });
  });
  return cases;
}

/** Values that break careless arithmetic. */
export const special = [0, -0, Infinity, -Infinity, Number.NaN, 1e-40, -1e-40, 1e4, -1e4];
export const awkwardLengths = [1, 2, 3, 4, 5, 7, 8, 9, 15, 16, 17, 31, 32, 33, 63, 64, 65, 255, 256, 257];

/** Routing without bias and groups, by a softmax. */
export function routeShape(experts: number, k: number, normalize: boolean, more: Partial<RouteShape> = {}): RouteShape {
  const plain = { gating: 'softmax', scale: 1, groups: 1, usedGroups: 1, groupBest: 2 } as const;
  return { ...plain, experts, k, normalize, ...more };
}
