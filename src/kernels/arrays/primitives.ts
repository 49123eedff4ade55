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
export interface EinsumShape {
  readonly sizes: readonly number[];
  readonly strides: readonly (readonly number[])[];
  readonly free: number;
  readonly factor: number;
}

/** y = factor · Σ over letters that are not free of the product of all inputs. Ready to run, once its shape is known. */
export function einsum(
  inputs: readonly Float32Array[],
  y: Float32Array,
  { sizes, strides, free, factor }: EinsumShape,
): () => void {
  const outer = strides.map((own) => offsets(sizes.slice(0, free), own));
  const inner = strides.map((own) => offsets(sizes.slice(free), own.slice(free)));
  const terms = sizes.slice(free).reduce((product, size) => product * size, 1);
  return () => {
    for (let i = 0; i < y.length; i++) {
      let sum = 0;
      for (let j = 0; j < terms; j++) {
        let product = 1;
        for (let p = 0; p < inputs.length; p++) product *= inputs[p][outer[p][i] + inner[p][j]];
        sum += product;
      }
      y[i] = factor * sum;
    }
  };
}

/** Attributes of `slice` and `place`: where the part lies in the whole. */
export interface PartShape {
  readonly start: number;
  readonly sizes: readonly number[];
  readonly strides: readonly number[];
}

export function slice(x: Float32Array, y: Float32Array, { start, sizes, strides }: PartShape): () => void {
  const from = offsets(sizes, strides, start);
  return () => {
    for (let i = 0; i < y.length; i++) y[i] = x[from[i]];
  };
}

export function place(x: Float32Array, y: Float32Array, { start, sizes, strides }: PartShape): () => void {
  const to = offsets(sizes, strides, start);
  return () => {
    y.fill(0);
    for (let i = 0; i < x.length; i++) y[to[i]] = x[i];
  };
}

export function gather(ids: Int32Array, x: Float32Array, y: Float32Array, columns: number): void {
  for (const [i, row] of ids.entries()) for (let c = 0; c < columns; c++) y[i * columns + c] = x[row * columns + c];
}

export function where(condition: Float32Array, a: Float32Array, b: Float32Array, y: Float32Array): void {
  for (let i = 0; i < y.length; i++) y[i] = condition[i] > 0 ? a[i] : b[i];
}

/** y[i] = the largest of the i-th n numbers of x. */
export function maximum(x: Float32Array, y: Float32Array, n: number): void {
  for (let i = 0; i < y.length; i++) {
    let largest = -Infinity;
    for (let at = i * n; at < (i + 1) * n; at++) largest = Math.max(largest, x[at]);
    y[i] = largest;
  }
}

/** Functions of one number. */
export const functions: Readonly<Record<'exp' | 'log' | 'tanh' | 'erf' | 'round', (x: number) => number>> = {
  exp: Math.exp,
  log: Math.log,
  tanh: Math.tanh,
  erf,
  round: Math.round,
};

/** From here on, erf is 1 in float64. */
const ERF_IS_ONE = 6;

/**
 * 2/√π · exp(−x²) · Σ 2ⁿ·x²ⁿ⁺¹ / (1·3·…·(2n + 1)), whose terms have one sign.
 * @see Abramowitz and Stegun, "Handbook of mathematical functions" (1964), equation 7.1.6
 */
function erf(x: number): number {
  if (!(Math.abs(x) < ERF_IS_ONE)) return Number.isNaN(x) ? x : Math.sign(x);
  let [sum, term] = [x, x];
  for (let n = 1; Math.abs(term) > Math.abs(sum) * Number.EPSILON; n++) {
    term *= (2 * x * x) / (2 * n + 1);
    sum += term;
  }
  return (2 / Math.sqrt(Math.PI)) * Math.exp(-x * x) * sum;
}
