import type { Kernels } from '../contract.ts';

type MemoryKernels = Pick<Kernels, 'f32' | 'f64' | 'i32' | 'u8' | 'upload' | 'free' | 'scope' | 'memory' | 'close'>;

/** Arrays are plain ones and freed by the garbage collector; `memory` reports zero. */
export const memoryKernels: MemoryKernels = {
  f32: (length) => new Float32Array(length),
  f64: (length) => new Float64Array(length),
  i32: (length) => new Int32Array(length),
  u8: (length) => new Uint8Array(length),
  upload: (values) => values.slice(),
  free: () => {},
  scope: (work) => work(),
  memory: () => ({ used: 0, peak: 0 }),
  close: () => {},
};
