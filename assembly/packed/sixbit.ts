/*
 * Eight 6-bit scales and eight 6-bit minimums in 12 bytes, as Q4_K and Q5_K store them:
 *
 *   0  [4] bits 0–5 scale j,             bits 6–7 the high bits of scale j + 4
 *   4  [4] bits 0–5 minimum j,           bits 6–7 the high bits of minimum j + 4
 *   8  [4] bits 0–3 of scale j + 4,      bits 4–7 the low bits of minimum j + 4
 */

/** Scales 4g … 4g + 3, one per byte. */
// @ts-ignore: decorator
@inline export function sixBitScales(at: usize, g: i32): u32 {
  if (g == 0) return load<u32>(at) & 0x3f3f3f3f;
  return (load<u32>(at, 8) & 0x0f0f0f0f) | ((load<u32>(at) >> 2) & 0x30303030);
}

/** Minimums 4g … 4g + 3, one per byte. */
// @ts-ignore: decorator
@inline export function sixBitMinimums(at: usize, g: i32): u32 {
  if (g == 0) return load<u32>(at, 4) & 0x3f3f3f3f;
  return ((load<u32>(at, 8) >> 4) & 0x0f0f0f0f) | ((load<u32>(at, 4) >> 2) & 0x30303030);
}
