import type { ConvolutionShape, LinearAttentionShape } from './types.ts';

/**
 * What goes from token to token within a sequence. A `state` stands for the tokens before the first: it is read where
 * `past` is above 0 (else the sequence begins, whatever it holds), and holds what follows the last token afterwards. It
 * goes with one sequence alone.
 */
export interface SequenceKernels {
  /**
   * Causal convolution of every channel by itself: y_t = Σ_j w_j·x_{t − taps + 1 + j}. x, y [sequences·length, channels],
   * w [channels, taps]; tokens before the first are zeros.
   * @param state [taps − 1, channels] the last rows
   */
  shortConv(x: Float32Array, w: Float32Array, y: Float32Array, shape: ConvolutionShape, state?: Float32Array): void;
  /** dx (overwritten) of `shortConv`. */
  shortConvBackward(dy: Float32Array, w: Float32Array, dx: Float32Array, shape: ConvolutionShape): void;
  /** dw (overwritten) of `shortConv`. */
  shortConvWeightGradient(x: Float32Array, dy: Float32Array, dw: Float32Array, shape: ConvolutionShape): void;
  /**
   * Linear attention with decay: every head has a matrix S [valueDim, keyDim], zeros before the first token. At token t
   * S ← e^{decay}·S, S ← S + strength·(v − S·k)·kᵀ (without `delta`: strength·v·kᵀ), out = scale·S·q.
   * q, k [sequences·length, keyHeads·keyDim]; v, out [.., heads·valueDim]; decay, strength [.., heads].
   * @param state [heads, valueDim, keyDim]
   */
  linearAttention(
    inputs: LinearAttentionInputs,
    out: Float32Array,
    shape: LinearAttentionShape,
    state?: Float32Array,
  ): void;
  /** Gradients (overwritten) of `linearAttention` at its inputs, from the start of every sequence. */
  linearAttentionBackward(
    inputs: LinearAttentionInputs,
    dOut: Float32Array,
    gradients: LinearAttentionInputs,
    shape: LinearAttentionShape,
  ): void;
}

export interface LinearAttentionInputs {
  readonly q: Float32Array;
  readonly k: Float32Array;
  readonly v: Float32Array;
  readonly decay: Float32Array;
  readonly strength: Float32Array;
}
