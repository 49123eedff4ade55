import { onArrays } from '../../kernels/arrays/device.ts';
import type { Kernels } from '../../kernels/contract.ts';
import { FLOAT_KERNEL, shapeName } from './predict.ts';

/** One product with a matrix, as it was timed inside of a forward pass. */
export interface TimedCall {
  readonly kernel: string;
  readonly shape: string;
  /** On the clock of `performance.now`. */
  readonly start: number;
  readonly milliseconds: number;
}

/** Kernels that tell of every product with weights how long it took. */
export function timedKernels(kernels: Kernels, tell: (call: TimedCall) => void): Kernels {
  return onArrays({
    ...kernels,
    matmulPacked(x, w, y, m) {
      const start = performance.now();
      kernels.matmulPacked(x, w, y, m);
      tell({ kernel: w.format, shape: shapeName(w.rows, w.columns), start, milliseconds: performance.now() - start });
    },
    matmulNT(x, w, y, m, n, k, accumulate) {
      const start = performance.now();
      kernels.matmulNT(x, w, y, m, n, k, accumulate);
      tell({ kernel: FLOAT_KERNEL, shape: shapeName(n, k), start, milliseconds: performance.now() - start });
    },
  });
}
