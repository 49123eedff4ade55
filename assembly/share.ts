/**
 * A thread's share of the work. Every exported kernel takes addresses (usize, bytes) first, then sizes (i32, in
 * elements) and factors (f32), and last `ith` and `nth`: it does the `ith` of `nth` shares. Shares divide the output,
 * never a sum, so that results do not depend on the number of threads.
 */

/** First of `count` items of share `ith`, in steps of `grain` items; share `ith` ends where share `ith + 1` starts. */
export function shareStart(count: i32, grain: i32, ith: i32, nth: i32): i32 {
  const grains = (count + grain - 1) / grain;
  return min(count, <i32>((<i64>grains * ith) / nth) * grain);
}

/** Scratch memory of this thread alone (every thread runs its own instance, and globals are per instance). */
export let scratch: usize = 0;

/** Called once by the team on every thread. */
export function setScratch(address: usize): void {
  scratch = address;
}

/** First byte of memory that holds no static data of this module. */
export function heapBase(): usize {
  return __heap_base;
}
