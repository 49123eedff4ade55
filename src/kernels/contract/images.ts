import type { WindowShape } from './types.ts';

/** Windows that slide over images [images, height, width, channels]. */
export interface ImageKernels {
  /**
   * Patches: y[images·outHeight·outWidth, kernel·kernel·channels] holds what every window sees, zeros in the padding. A
   * convolution is a product of it with weights [outChannels, kernel·kernel·channels].
   */
  unfold(x: Float32Array, y: Float32Array, shape: WindowShape): void;
  /** The transpose of `unfold`: x (overwritten) gets the sum of every pixel's places in patches y, windows in order. */
  fold(y: Float32Array, x: Float32Array, shape: WindowShape): void;
  /** y[images, outHeight, outWidth, channels] = the largest value of every window, padding left out; NaN where one is. */
  maxPool(x: Float32Array, y: Float32Array, shape: WindowShape): void;
  /** dx (overwritten): dy to the largest value of each window, of equal ones the first, row by row. */
  maxPoolBackward(x: Float32Array, dy: Float32Array, dx: Float32Array, shape: WindowShape): void;
}
