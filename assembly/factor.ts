/**
 * Steps of `feedbackFactor`: h = U·D·Uᵀ with U unit upper triangular, eliminated block by block from the last columns.
 * With Y = U·D, of which the rows of a block J are Yᵀ[J, before J] = U_JJ⁻¹·h[J, before J], the rest of h becomes
 * h − Yᵀᵀ·D⁻¹·Yᵀ: a weighted Gram matrix (gram.ts). Only h's lower triangle is read. Yᵀ gathers in u's lower triangle.
 */
import { LANES, vloadPart, vmadd, vmul, vsplat, vstorePart } from './lanes';
import { SIDE, transposeBlock } from './transpose';

/** y[0..n] += factor·x[0..n]. */
function axpy(y: usize, x: usize, factor: f32, n: i32): void {
  const f = vsplat(factor);
  for (let i = 0; i < n; i += LANES) {
    const at = <usize>i << 2;
    vstorePart(y + at, vmadd(f, vloadPart(x + at, n - i, 0), vloadPart(y + at, n - i, 0)), n - i);
  }
}

/**
 * Factors the diagonal block [start, start + size): writes Yᵀ of the block, −1/D to `weight` [n], and to `inverse`
 * [size, size] the inverse of U_JJᵀ. A pivot that is not positive and finite sets `failed`. Runs on one thread.
 */
export function factorDiagonal(
  h: usize, u: usize, weight: usize, inverse: usize, failed: usize, n: i32, start: i32, size: i32, ith: i32, nth: i32,
): void {
  const row = <usize>n * 4;
  const block = h + <usize>start * row + <usize>start * 4;
  for (let l = size - 1; l >= 0; l--) {
    const line = block + <usize>l * row;
    const pivot = load<f32>(line + <usize>l * 4);
    if (!(pivot > 0 && pivot < Infinity)) {
      store<i32>(failed, 1);
      return;
    }
    store<f32>(weight + <usize>(start + l) * 4, -1 / pivot);
    for (let i = 0; i < l; i++) {
      axpy(block + <usize>i * row, line, -load<f32>(line + <usize>i * 4) / pivot, i + 1);
    }
  }
  memory.fill(inverse, 0, <usize>size * <usize>size * 4);
  for (let l = 0; l < size; l++) {
    const line = block + <usize>l * row;
    const target = inverse + <usize>(l * size) * 4;
    const scale = load<f32>(weight + <usize>(start + l) * 4);
    store<f32>(target + <usize>l * 4, 1);
    for (let i = 0; i < l; i++) axpy(target, inverse + <usize>(i * size) * 4, scale * load<f32>(line + <usize>i * 4), i + 1);
    memory.copy(u + <usize>(start + l) * row + <usize>start * 4, line, <usize>l * 4);
  }
}

/** u[i,j] = Yᵀ[j,i]/D_j above the diagonal, 1 on it, 0 below; blocks of SIDE rows of Yᵀ dealt in turn. */
export function finishFactor(u: usize, weight: usize, n: i32, ith: i32, nth: i32): void {
  const row = <usize>n * 4;
  for (let j = ith * SIDE; j < n; j += nth * SIDE) {
    const end = min(n, j + SIDE);
    for (let l = j; l < end; l++) {
      const line = u + <usize>l * row;
      const factor = vsplat(-load<f32>(weight + <usize>l * 4));
      for (let i = 0; i < l; i += LANES) {
        const at = line + (<usize>i << 2);
        vstorePart(at, vmul(vloadPart(at, l - i, 0), factor), l - i);
      }
      store<f32>(line + <usize>l * 4, 1);
    }
    for (let i = 0; i < j; i += SIDE) transposeBlock(u + <usize>i * row + <usize>j * 4, u + <usize>j * row + <usize>i * 4, row, end - j);
    for (let l = j; l < end; l++) {
      for (let i = j; i < l; i++) store<f32>(u + <usize>i * row + <usize>l * 4, load<f32>(u + <usize>l * row + <usize>i * 4));
      memory.fill(u + <usize>l * row, 0, <usize>l * 4);
    }
  }
}
