/**
 * The micro-kernel of all matrix products: MR × NR elements of c held in registers while both operands stream by,
 * packed as panels `[k][MR]` and `[k][NR]` (pack.ts).
 * @see Goto and van de Geijn, "Anatomy of High-Performance Matrix Multiplication", 2008
 */
import { vadd, vmadd, vsplat } from './lanes';

/**
 * Rows of a tile. 6 × 2 vectors of sums, two of b and one of a fill the 15 registers that V8 has; of the tiles that
 * fit it came nearest to the peak of the multiply-add units (on Zen 5: 6 × 8 at 1.0, 5 × 8 and 4 × 8 at 0.9 of it).
 */
export const MR: i32 = 6;
/** Columns of a tile: two vectors. */
export const NR: i32 = 8;

/**
 * c[MR, NR] = or += a·b over `k` steps.
 * @param cRow bytes from one row of c to the next
 */
export function tile(a: usize, b: usize, k: i32, c: usize, cRow: usize, accumulate: bool): void {
  let c00 = vsplat(0), c01 = vsplat(0), c10 = vsplat(0), c11 = vsplat(0), c20 = vsplat(0), c21 = vsplat(0);
  let c30 = vsplat(0), c31 = vsplat(0), c40 = vsplat(0), c41 = vsplat(0), c50 = vsplat(0), c51 = vsplat(0);
  let b0: v128, b1: v128, x: v128;
  // One step a turn: the engine unrolls the loop itself, whereas in a loop unrolled here the optimizer would gather
  // the steps of each sum into one chain that waits for itself. Loads are the compiler's own because only their
  // offsets become part of the instruction.
  for (const end = a + <usize>k * 24; a < end; a += 24, b += 32) {
    b0 = v128.load(b); b1 = v128.load(b, 16);
    x = v128.load32_splat(a, 0); c00 = vmadd(x, b0, c00); c01 = vmadd(x, b1, c01);
    x = v128.load32_splat(a, 4); c10 = vmadd(x, b0, c10); c11 = vmadd(x, b1, c11);
    x = v128.load32_splat(a, 8); c20 = vmadd(x, b0, c20); c21 = vmadd(x, b1, c21);
    x = v128.load32_splat(a, 12); c30 = vmadd(x, b0, c30); c31 = vmadd(x, b1, c31);
    x = v128.load32_splat(a, 16); c40 = vmadd(x, b0, c40); c41 = vmadd(x, b1, c41);
    x = v128.load32_splat(a, 20); c50 = vmadd(x, b0, c50); c51 = vmadd(x, b1, c51);
  }
  storeRow(c, c00, c01, accumulate);
  storeRow(c + cRow, c10, c11, accumulate);
  storeRow(c + 2 * cRow, c20, c21, accumulate);
  storeRow(c + 3 * cRow, c30, c31, accumulate);
  storeRow(c + 4 * cRow, c40, c41, accumulate);
  storeRow(c + 5 * cRow, c50, c51, accumulate);
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
