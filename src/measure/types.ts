import type { Objective } from '../objective/types.ts';
import type { Sequences } from '../run/sequences.ts';

/** What a network is measured on and by. */
export interface MeasuredData {
  readonly sequences: Sequences;
  /** SHA-256 (hex) of it. */
  readonly digest: string;
  readonly objective: Objective;
}

/**
 * One term of the KL quadratic form of a matrix: an error δW costs ½·Σ_i b_i·δw_i·A·δw_iᵀ nats per token
 * (weighted Kronecker form, docs/method.md). Several terms add up (a tied embedding is input and output).
 */
export interface KroneckerTerm {
  /** E[|g|²·x·xᵀ], [columns, columns], symmetric. */
  readonly a: Float32Array;
  /** E[g_i²] / E[|g|²], times the use's factor once a measurement is finished (calibrate.ts). [rows] */
  readonly b: Float32Array;
}

/** A factor with its standard error. */
export interface Factor {
  readonly value: number;
  readonly standardError: number;
}

/** How a matrix is used: as a linear layer, or as a table of rows looked up by token. */
export type MatrixUse = 'linear' | 'lookup';

/**
 * What one reference perturbation δW of some rows of a matrix does, sequence by sequence: ties the Kronecker form to
 * the unbiased one. G_s is the gradient of Σ_t log p(ŷ_t) of sequence s, g_t the gradient at the layer's output.
 */
export interface Sketch {
  /** ⟨G_s, δW⟩ per sequence. [sequences] */
  readonly innerProducts: Float64Array;
  /**
   * Their squares, for the output head the squares' means over labels: the unbiased KL of δW is
   * Σ_s squares_s / (2·sequences·length). [sequences]
   */
  readonly squares: Float64Array;
  /** Σ_i ⟨G_s, δw_i⟩² over rows i: the same with the (mean zero) products of different rows left out. [sequences] */
  readonly rowProducts: Float64Array;
  /** Σ_t Σ_i (g_ti·δw_i·x_t)²: products of different tokens left out as well. [sequences] */
  readonly tokenProducts: Float64Array;
  /** Price of the same δW by the Kronecker terms, nats per token: mean of both halves. */
  readonly kronecker: number;
  /** Rows that δW changes. */
  readonly rows: number;
}

/** Which of several stacked matrices was measured, and by how much text. */
export interface MeasuredExpert {
  /** The tensor that they are stacked in. */
  readonly tensor: string;
  readonly index: number;
  /** Tokens that it got of the sequences that rounding may see, and of the others. */
  readonly tokens: readonly [number, number];
}

/** What was measured: a matrix of the network in one of its uses. */
export interface MeasuredMatrix {
  /** What it is filed under: the tensor's name, of stacked matrices `expertName`. */
  readonly tensor: string;
  readonly use: MatrixUse;
  /** The tensor's role: the same matrix of all blocks, and all experts, share what little is known of each (calibrate.ts). */
  readonly kind: string;
  /** Of one of several stacked matrices. */
  readonly expert?: MeasuredExpert;
}

/** One use of a matrix, measured. */
export interface UseMeasurement extends MeasuredMatrix {
  /** From the sequences that rounding may see (even ones), and from the others, which price its result. */
  readonly rounding: KroneckerTerm;
  readonly pricing: KroneckerTerm;
  /** E[x²] per column over all sequences; all ones for a look-up. [columns] */
  readonly importance: Float32Array;
  readonly sketch: Sketch;
}

/** What is known of one matrix after measuring: one entry per use in every list. */
export interface TensorMeasurement {
  readonly tensor: string;
  /** Factors from the sequences that rounding may see, and from the others, which price its result. */
  readonly rounding: readonly KroneckerTerm[];
  readonly pricing: readonly KroneckerTerm[];
  /** E[x²] per column as a linear layer: llama.cpp's importance matrix. [columns] */
  readonly importance: Float32Array;
  readonly sketches: readonly Sketch[];
}

/** A use of a matrix without its factors: a row of the sensitivity table. */
export interface UseSummary extends MeasuredMatrix {
  readonly rows: number;
  readonly columns: number;
  /** E[x²] per column, [columns] */
  readonly importance: Float32Array;
  /** What the Kronecker form of this use was multiplied with to agree with its sketch (calibrate.ts). */
  readonly factor: Factor;
  /** `kronecker` with the factor. */
  readonly sketch: Sketch;
}

/** Facts about the text and the model that a measurement belongs to. */
export interface MeasurementKey {
  readonly version: number;
  /** `Model.fingerprint()` */
  readonly model: string;
  /** SHA-256 (hex) of the token ids. */
  readonly text: string;
  readonly sequences: number;
  readonly sequenceLength: number;
  readonly seed: number;
  /** `Kernels.name`: other kernels round sums otherwise. */
  readonly arithmetic: string;
}

/** A finished measurement. Factors are read tensor by tensor: all of them together are larger than the model. */
export interface Measurement {
  readonly key: MeasurementKey;
  /** Every use of every matrix, in the order they were measured. */
  readonly summaries: readonly UseSummary[];
  /** Throws BitbudgetError when the tensor was not measured. */
  read(tensor: string): Promise<TensorMeasurement>;
}

/** What an interrupted measurement goes on from. */
export interface ResumePoint {
  /** The gradient is at the input of this block; the number of layers: at the output of the last one. */
  readonly layer: number;
  /** [sequences·length, hidden], in processing order (plan.ts). */
  readonly gradient: Float32Array;
  /** Mean predicted probability of every token, [vocabulary]. */
  readonly probability: Float32Array;
}

/** Keeps measurements. `entry-store.ts` keeps them in an entry of the store, `memoryStore` until the process ends. */
export interface MeasurementStore {
  /** The measurement of `key` when it is finished. */
  find(key: MeasurementKey): Promise<Measurement | undefined>;
  /** Where an unfinished measurement of `key` stopped. */
  resume(key: MeasurementKey): Promise<ResumePoint | undefined>;
  /** Adds measured uses and moves the resume point, both or neither. */
  save(key: MeasurementKey, uses: readonly UseMeasurement[], point: ResumePoint): Promise<void>;
  /** Adds measured uses where work is not resumed: they count from the next point on. */
  add(key: MeasurementKey, uses: readonly UseMeasurement[]): Promise<void>;
  /** Adds the last uses, drops the resume point and marks the measurement as whole, all or nothing. */
  finish(key: MeasurementKey, uses: readonly UseMeasurement[]): Promise<Measurement>;
  close(): Promise<void>;
}
