/*
 * Eight 6-bit scales and eight 6-bit minimums in 12 bytes, as Q4_K and Q5_K store them:
 *
 *   0  [4] bits 0–5 scale j,             bits 6–7 the high bits of scale j + 4
 *   4  [4] bits 0–5 minimum j,           bits 6–7 the high bits of minimum j + 4
 *   8  [4] bits 0–3 of scale j + 4,      bits 4–7 the low bits of minimum j + 4
 */

// Vector constants in memory: see half.ts.
// @ts-ignore: decorator
@lazy const LOW_BITS: usize = memory.data<u64>([0x3f3f3f3f3f3f3f3f, 0x0f0f0f0f0f0f0f0f], 16);
// @ts-ignore: decorator
@lazy const HIGH_BITS: usize = memory.data<u64>([0, 0x3030303030303030], 16);

/** Sixteen bytes: scales 0–3, minimums 0–3, scales 4–7, minimums 4–7. Reads 16 bytes. */
// @ts-ignore: decorator
@inline export function sixBits(address: usize): v128 {
  const all = v128.load(address);
  const third = v128.shuffle<i32>(all, i32x4.shr_u(all, 4), 2, 6, 3, 7);
  const low = v128.and(v128.shuffle<i64>(all, third, 0, 2), v128.load(LOW_BITS));
  const moved = i32x4.shr_u(all, 2);
  return v128.or(low, v128.and(v128.shuffle<i64>(moved, moved, 0, 0), v128.load(HIGH_BITS)));
}

/** Scale j. */
export function sixBitScale(address: usize, j: i32): i32 {
  if (j < 4) return load<u8>(address + j) & 63;
  return (load<u8>(address + j, 4) & 15) | ((load<u8>(address + j - 4) >> 6) << 4);
}

/** Minimum j. */
export function sixBitMinimum(address: usize, j: i32): i32 {
  if (j < 4) return load<u8>(address + j, 4) & 63;
  return (load<u8>(address + j, 4) >> 4) | ((load<u8>(address + j) >> 6) << 4);
}
