/**
 * The micro-kernel of all matrix products: MR × NR elements of c held in registers while both operands stream by,
 * packed as panels `[k][MR]` and `[k][NR]` (pack.ts).
 * @see Goto and van de Geijn, "Anatomy of High-Performance Matrix Multiplication", 2008
 */
import { vadd, vmadd, vsplat } from './lanes';

/** Rows of a tile. 4 × 2 vectors: eight independent sums cover the latency of two multiply-add units. */
export const MR: i32 = 4;
/** Columns of a tile: two vectors. */
export const NR: i32 = 8;
/** Panels' length along k is a multiple of this: the loop below is unrolled by it. */
export const K_STEP: i32 = 4;

const A_STEP: usize = 16;
const B_STEP: usize = 32;

/**
 * c[MR, NR] = or += a·b over `k` steps.
 * @param k a multiple of K_STEP
 * @param cRow bytes from one row of c to the next
 */
export function tile(a: usize, b: usize, k: i32, c: usize, cRow: usize, accumulate: bool): void {
  let c00 = vsplat(0), c01 = vsplat(0), c10 = vsplat(0), c11 = vsplat(0);
  let c20 = vsplat(0), c21 = vsplat(0), c30 = vsplat(0), c31 = vsplat(0);
  let b0: v128, b1: v128, x: v128;
  // Written with the compiler's own loads because only their offsets become part of the machine's load instruction.
  for (const end = a + <usize>k * A_STEP; a < end; a += 4 * A_STEP, b += 4 * B_STEP) {
    b0 = v128.load(b, 0); b1 = v128.load(b, 16);
    x = v128.load32_splat(a, 0); c00 = vmadd(x, b0, c00); c01 = vmadd(x, b1, c01);
    x = v128.load32_splat(a, 4); c10 = vmadd(x, b0, c10); c11 = vmadd(x, b1, c11);
    x = v128.load32_splat(a, 8); c20 = vmadd(x, b0, c20); c21 = vmadd(x, b1, c21);
    x = v128.load32_splat(a, 12); c30 = vmadd(x, b0, c30); c31 = vmadd(x, b1, c31);
    b0 = v128.load(b, 32); b1 = v128.load(b, 48);
    x = v128.load32_splat(a, 16); c00 = vmadd(x, b0, c00); c01 = vmadd(x, b1, c01);
    x = v128.load32_splat(a, 20); c10 = vmadd(x, b0, c10); c11 = vmadd(x, b1, c11);
    x = v128.load32_splat(a, 24); c20 = vmadd(x, b0, c20); c21 = vmadd(x, b1, c21);
    x = v128.load32_splat(a, 28); c30 = vmadd(x, b0, c30); c31 = vmadd(x, b1, c31);
    b0 = v128.load(b, 64); b1 = v128.load(b, 80);
    x = v128.load32_splat(a, 32); c00 = vmadd(x, b0, c00); c01 = vmadd(x, b1, c01);
    x = v128.load32_splat(a, 36); c10 = vmadd(x, b0, c10); c11 = vmadd(x, b1, c11);
    x = v128.load32_splat(a, 40); c20 = vmadd(x, b0, c20); c21 = vmadd(x, b1, c21);
    x = v128.load32_splat(a, 44); c30 = vmadd(x, b0, c30); c31 = vmadd(x, b1, c31);
    b0 = v128.load(b, 96); b1 = v128.load(b, 112);
    x = v128.load32_splat(a, 48); c00 = vmadd(x, b0, c00); c01 = vmadd(x, b1, c01);
    x = v128.load32_splat(a, 52); c10 = vmadd(x, b0, c10); c11 = vmadd(x, b1, c11);
    x = v128.load32_splat(a, 56); c20 = vmadd(x, b0, c20); c21 = vmadd(x, b1, c21);
    x = v128.load32_splat(a, 60); c30 = vmadd(x, b0, c30); c31 = vmadd(x, b1, c31);
  }
  storeRow(c, c00, c01, accumulate);
  storeRow(c + cRow, c10, c11, accumulate);
  storeRow(c + 2 * cRow, c20, c21, accumulate);
  storeRow(c + 3 * cRow, c30, c31, accumulate);
}

// @ts-ignore: decorator
@inline function storeRow(c: usize, x0: v128, x1: v128, accumulate: bool): void {
  if (accumulate) {
    x0 = vadd(v128.load(c), x0);
    x1 = vadd(v128.load(c, 16), x1);
  }
  v128.store(c, x0);
  v128.store(c, x1, 16);
}
