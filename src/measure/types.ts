/**
 * One term of the KL quadratic form of a matrix: an error δW costs ½·Σ_i b_i·δw_i·A·δw_iᵀ nats per token
 * (weighted Kronecker form, docs/method.md). Several terms add up (a tied embedding is input and output).
 */
export interface KroneckerTerm {
  /** E[|g|²·x·xᵀ], [columns, columns], symmetric. */
  readonly a: Float32Array;
  /** E[g_i²] / E[|g|²], [rows]. */
  readonly b: Float32Array;
}

/** What is known of one matrix after measuring. */
export interface TensorMeasurement {
  readonly tensor: string;
  /** Factors from the sequences that rounding may see, and from the others, which price its result. */
  readonly rounding: readonly KroneckerTerm[];
  readonly pricing: readonly KroneckerTerm[];
  /** E[x²] per column: llama.cpp's importance matrix. [columns] */
  readonly importance: Float32Array;
  /**
   * The unbiased sketch ⟨G_s, δW⟩ per sequence for one reference perturbation, with the Kronecker price of the same
   * perturbation: their ratio over all tensors calibrates the form, its spread gives the confidence interval.
   */
  readonly sketch: { readonly innerProducts: Float64Array; readonly kronecker: number };
}

/** Facts about the text and the model that a measurement belongs to. */
export interface MeasurementKey {
  readonly version: number;
  readonly model: string;
  readonly text: string;
  readonly sequences: number;
  readonly sequenceLength: number;
  readonly seed: number;
}
