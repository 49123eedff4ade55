import type { Activation, GateActivation } from './types.ts';

/** Operations on every element, or every row, by itself. Outputs of the shape of an
 * input may be that input. */
export interface ElementKernels {
  /** y = activation(gate)·up, or what `GateActivation` says. Beyond a clamp slopes are 0. */
  gated(gate: Float32Array, up: Float32Array, y: Float32Array, activation: GateActivation): void;
  gatedBackward(
    gate: Float32Array,
    up: Float32Array,
    dy: Float32Array,
    dGate: Float32Array,
    dUp: Float32Array,
    activation: GateActivation,
  ): void;
  /** y = activation(x). */
  activate(x: Float32Array, y: Float32Array, activation: Activation): void;
  /** dx = dy·activation′(x); the slope of relu at 0 is 0. */
  activateBackward(x: Float32Array, dy: Float32Array, dx: Float32Array, activation: Activation): void;
  /** y = a·b. */
  multiply(a: Float32Array, b: Float32Array, y: Float32Array): void;
  /** y = x·s, a factor for each run of columns / s.length columns. */
  scaleColumns(x: Float32Array, s: Float32Array, y: Float32Array, columns: number): void;
  /** y_t = s_t·x_t, a factor per row; s [rows]. */
  scaleRows(x: Float32Array, s: Float32Array, y: Float32Array): void;
  /** dx_t = s_t·dy_t, ds_t = Σ x_t·dy_t. */
  scaleRowsBackward(x: Float32Array, s: Float32Array, dy: Float32Array, dx: Float32Array, ds: Float32Array): void;
  /** y = factor·x, the factor rounded to float32. */
  scale(x: Float32Array, factor: number, y: Float32Array): void;
  /** y_t = x_t − mean(x_t), rows of `n`; sums in float64. */
  center(x: Float32Array, y: Float32Array, n: number): void;
  /** y[rows/count] = the mean of each run of `count` rows of x, rows of `columns`. */
  meanRows(x: Float32Array, count: number, y: Float32Array, columns: number): void;
  /** dx_t = dy_⌊t/count⌋ / count. */
  meanRowsBackward(dy: Float32Array, count: number, dx: Float32Array, columns: number): void;
  /**
   * x as symmetric integers of `bits` bits see it, a scale per 32 values in their order: scale = max|x| / (2^(bits−1) − 1),
   * codes to the nearest, halves up. 16 bits and more leave x as it is.
   */
  roundToBits(x: Float32Array, bits: number, y: Float32Array): void;
}
