import { erf } from '../erf.ts';
import { type Bind, f32, i32, type View } from './bind.ts';

/*
 * Kernels of the primitives, plain and for every rank. Sums are in float64. One definition for all devices on arrays:
 * they are the oracle of other kernels, and run where those do not.
 */

/** Where numbers lie that are `strides` apart along axes of these sizes, the last axis fastest. */
function offsets(sizes: readonly number[], strides: readonly number[], start = 0): Int32Array {
  let found = Int32Array.of(start);
  for (const [axis, size] of sizes.entries()) {
    const next = new Int32Array(found.length * size);
    for (let i = 0, at = 0; i < found.length; i++)
      for (let j = 0; j < size; j++) next[at++] = found[i] + j * strides[axis];
    found = next;
  }
  return found;
}

/** Attributes of `einsum`: strides of each input along each letter; the first `free` letters are the output's. */
interface EinsumShape {
  readonly sizes: readonly number[];
  readonly strides: readonly (readonly number[])[];
  readonly free: number;
  readonly factor: number;
}

/** y = factor · Σ over letters that are not free of the product of all inputs. Ready to run, once its shape is known. */
function einsum(
  inputs: readonly Float32Array[],
  y: Float32Array,
  { sizes, strides, free, factor }: EinsumShape,
): () => void {
  const outer = strides.map((own) => offsets(sizes.slice(0, free), own));
  const inner = strides.map((own) => offsets(sizes.slice(free), own.slice(free)));
  const terms = sizes.slice(free).reduce((product, size) => product * size, 1);
  const sumAt = inputs.length === 2 ? sumOfPairs : sumOfProducts;
  return () => {
    for (let i = 0; i < y.length; i++) y[i] = factor * sumAt(inputs, outer, inner, i, terms);
  };
}

type Offsets = readonly Int32Array[];

/** Σ over the letters that are summed, at one place of the output. */
function sumOfProducts(inputs: readonly Float32Array[], outer: Offsets, inner: Offsets, i: number, terms: number) {
  let sum = 0;
  for (let j = 0; j < terms; j++) {
    let product = 1;
    for (let p = 0; p < inputs.length; p++) product *= inputs[p][outer[p][i] + inner[p][j]];
    sum += product;
  }
  return sum;
}

/** The same of two inputs, which is where the time goes: matrix products. */
function sumOfPairs([a, b]: readonly Float32Array[], outer: Offsets, [ia, ib]: Offsets, i: number, terms: number) {
  const [atA, atB] = [outer[0][i], outer[1][i]];
  let sum = 0;
  for (let j = 0; j < terms; j++) sum += a[atA + ia[j]] * b[atB + ib[j]];
  return sum;
}

/** Attributes of `slice` and `place`: where the part lies in the whole. */
interface PartShape {
  readonly start: number;
  readonly sizes: readonly number[];
  readonly strides: readonly number[];
}

function slice(x: Float32Array, y: Float32Array, { start, sizes, strides }: PartShape): () => void {
  const from = offsets(sizes, strides, start);
  return () => {
    for (let i = 0; i < y.length; i++) y[i] = x[from[i]];
  };
}

function place(x: Float32Array, y: Float32Array, { start, sizes, strides }: PartShape): () => void {
  const to = offsets(sizes, strides, start);
  return () => {
    y.fill(0);
    for (let i = 0; i < x.length; i++) y[to[i]] = x[i];
  };
}

function gather(ids: Int32Array, x: Float32Array, y: Float32Array, columns: number): void {
  for (const [i, row] of ids.entries()) for (let c = 0; c < columns; c++) y[i * columns + c] = x[row * columns + c];
}

function where(condition: Float32Array, a: Float32Array, b: Float32Array, y: Float32Array): void {
  for (let i = 0; i < y.length; i++) y[i] = condition[i] > 0 ? a[i] : b[i];
}

/** y[i] = the largest of the i-th n numbers of x. */
function maximum(x: Float32Array, y: Float32Array, n: number): void {
  for (let i = 0; i < y.length; i++) {
    let largest = -Infinity;
    for (let at = i * n; at < (i + 1) * n; at++) largest = Math.max(largest, x[at]);
    y[i] = largest;
  }
}

/** ids[i·k …] = where the k largest of the i-th n numbers of x are. */
function topK(x: Float32Array, ids: Int32Array, n: number, k: number): void {
  for (let from = 0, at = 0; from < x.length; from += n, at += k) {
    const rank = (i: number): number => (Number.isNaN(x[from + i]) ? -Infinity : x[from + i]);
    const before = (i: number, j: number): number => (rank(i) === rank(j) ? i - j : rank(j) - rank(i));
    const order = Array.from({ length: n }, (_, i) => i).sort(before);
    ids.set(order.slice(0, k), at);
  }
}

/** Functions of one number. */
const functions: Readonly<Record<'exp' | 'log' | 'tanh' | 'erf' | 'round', (x: number) => number>> = {
  exp: Math.exp,
  log: Math.log,
  tanh: Math.tanh,
  erf,
  round: Math.round,
};

/** Kernels of the primitives. */
export const primitiveBindings: Readonly<Record<string, Bind>> = {
  ...Object.fromEntries(
    Object.entries(functions).map(([name, of]): [string, Bind] => [name, ({ views: [x, y] }) => each(of, x, y)]),
  ),
  power: ({ views: [x, y], attributes: { exponent } }) => each((value) => value ** (exponent as number), x, y),
  einsum: ({ views, attributes }) =>
    einsum(views.slice(0, -1).map(f32), f32(views.at(-1)), attributes as unknown as EinsumShape),
  slice: ({ views: [x, y], attributes }) => slice(f32(x), f32(y), attributes as unknown as PartShape),
  place: ({ views: [x, y], attributes }) => place(f32(x), f32(y), attributes as unknown as PartShape),
  gather:
    ({ views: [ids, x, y], sizes: { columns } }) =>
    () =>
      gather(i32(ids), f32(x), f32(y), columns),
  where:
    ({ views: [condition, a, b, y] }) =>
    () =>
      where(f32(condition), f32(a), f32(b), f32(y)),
  topK:
    ({ views: [x, ids], sizes: { n, k } }) =>
    () =>
      topK(f32(x), i32(ids), n, k),
  maximum:
    ({ views: [x, y], sizes: { n } }) =>
    () =>
      maximum(f32(x), f32(y), n),
};

function each(of: (x: number) => number, from: View, to: View): () => void {
  const [x, y] = [f32(from), f32(to)];
  return () => {
    for (let i = 0; i < y.length; i++) y[i] = of(x[i]);
  };
}
