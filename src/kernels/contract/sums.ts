import type { SketchSums } from './types.ts';

/** Sums that measuring takes, in float64 and in the order of plain loops: the same bits on every device. */
export interface SumKernels {
  /** energy_i += Σ_t g_ti², t rising; weight_t = Σ_i g_ti², i rising, rounded once. g [weight.length, energy.length]. */
  rowEnergy(g: Float32Array, energy: Float64Array, weight: Float32Array): void;
  /** energy_c += Σ_t x_tc², t rising; x [tokens, columns]. */
  columnEnergy(x: Float32Array, energy: Float64Array, columns: number): void;
  /**
   * Adds whole sequences of `length` tokens of a linear layer to a sketch, one to each entry of `sums`. With products
   * z_tr = change_tr·g_t,r·stride: the sums over a sequence's tokens, r by r, give `rowProducts` (Σ of squares),
   * `innerProducts` (their total) and `squares` (that squared); `tokenProducts` is Σ z².
   * @param change δy [tokens, perturbed rows]
   * @param g gradients at the outputs [tokens, width]
   */
  sketch(change: Float32Array, g: Float32Array, width: number, stride: number, length: number, sums: SketchSums): void;
  /**
   * The same for an output head, whose labels are drawn token by token: Σ_t of ⟨g, δy⟩ (`innerProducts`), of the
   * variance of δy under p (`squares`) and of Σ_r p·(1 − p)·δy² (the other two). Sequences may come in parts.
   * @param g onehot(ŷ) − p
   */
  sketchHead(
    change: Float32Array,
    g: Float32Array,
    width: number,
    stride: number,
    length: number,
    sums: SketchSums,
  ): void;
}
