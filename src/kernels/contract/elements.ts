import type { Activation, GateActivation } from './types.ts';

/** Operations on every element, or every row, by itself. Outputs may be their inputs, but for `ds`. */
export interface ElementKernels {
  /** y = activation(gate)·up. */
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
  /** y_t = s_t·x_t, a factor per row; s [rows]. */
  scaleRows(x: Float32Array, s: Float32Array, y: Float32Array): void;
  /** dx_t = s_t·dy_t, ds_t = Σ x_t·dy_t. */
  scaleRowsBackward(x: Float32Array, s: Float32Array, dy: Float32Array, dx: Float32Array, ds: Float32Array): void;
  /** y = factor·x, the factor rounded to float32. */
  scale(x: Float32Array, factor: number, y: Float32Array): void;
}
