import { type Bind, f32, i32 } from './bind.ts';

/* Copies between columns and rows of heads: memory moves at its own speed here. */

/** y[b, a, n] = x[a, b, n]. */
function swapped(x: Float32Array, y: Float32Array, a: number, b: number): void {
  const n = a * b === 0 ? 0 : x.length / (a * b);
  for (let i = 0; i < a; i++)
    for (let j = 0; j < b; j++) {
      const from = (i * b + j) * n;
      y.set(x.subarray(from, from + n), (j * a + i) * n);
    }
}

/** @see src/graph/ops/heads.ts */
export const headBindings: Readonly<Record<'headRows' | 'headColumns', Bind>> = {
  headRows:
    ({ views: [x, rows, slots, offsets], attributes }) =>
    () => {
      const [heads, of, starts] = [attributes.heads as number, i32(slots), i32(offsets)];
      const tokens = of.length / heads;
      swapped(f32(x), f32(rows), tokens, heads);
      for (let head = 0; head <= heads; head++) starts[head] = head * tokens;
      for (let row = 0; row < of.length; row++) of[row] = (row % tokens) * heads + Math.floor(row / tokens);
    },
  headColumns:
    ({ views: [rows, y], sizes: { n }, attributes }) =>
    () => {
      const heads = attributes.heads as number;
      const slots = n === 0 ? 0 : f32(rows).length / n;
      swapped(f32(rows), f32(y), heads, slots / heads);
    },
};
