import type { Activation, GateActivation } from './types.ts';

/** Operations on every element by itself. Outputs may be their inputs. */
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
}
