import type { Kernels } from '../kernels/contract.ts';
import { rowErrors } from './price.ts';
import {
  addToSketch,
  finishSketch,
  type ReferencePerturbation,
  referencePerturbation,
  type SketchSums,
  sketchStride,
  sketchSums,
} from './sketch.ts';
import type { KroneckerTerm, MatrixUse, UseMeasurement } from './types.ts';

/** Sums over tokens that become the weighted Kronecker factors of one matrix, one half of the sequences after the other. */
export interface FactorSums {
  readonly tensor: string;
  readonly use: MatrixUse;
  readonly rows: number;
  readonly columns: number;
  /** Σ_t w_t·x_t·x_tᵀ of the current half, [columns, columns], in the backend's memory. */
  readonly a: Float32Array;
  /** Σ_t g_ti² of the current half, [rows]. */
  readonly rowEnergy: Float64Array;
  tokens: number;
  /** Finished halves. */
  readonly terms: KroneckerTerm[];
  /** Σ_t x_t² over all sequences, [columns]. */
  readonly inputEnergy: Float64Array;
  inputTokens: number;
  readonly perturbation: ReferencePerturbation;
  readonly sketch: SketchSums;
  /** Price of the reference perturbation by each finished half. */
  readonly kronecker: number[];
}

/**
 * @param weight [rows, columns], in the backend's memory
 * @param sketchRows most rows of the reference perturbation
 */
export function openFactors(
  kernels: Kernels,
  tensor: string,
  weight: Float32Array,
  columns: number,
  sequences: number,
  sketchRows?: number,
): FactorSums {
  const rows = weight.length / columns;
  return {
    tensor,
    use: 'linear',
    rows,
    columns,
    a: kernels.f32(columns * columns),
    rowEnergy: new Float64Array(rows),
    tokens: 0,
    terms: [],
    inputEnergy: new Float64Array(columns),
    inputTokens: 0,
    perturbation: referencePerturbation(kernels, weight, columns, sketchStride(rows, sketchRows)),
    sketch: sketchSums(sequences),
    kronecker: [],
  };
}

export function freeFactors(kernels: Kernels, sums: FactorSums): void {
  kernels.free(sums.a, sums.perturbation.delta);
}

/**
 * Adds whole sequences of a linear layer.
 * @param x inputs [tokens, columns]; g gradients at the outputs [tokens, rows]; both in the backend's memory
 * @param inputEnergy Σ_t x_t², [columns]
 * @param order number of each sequence
 */
export function addLinear(
  kernels: Kernels,
  sums: FactorSums,
  x: Float32Array,
  inputEnergy: Float64Array,
  g: Float32Array,
  order: readonly number[],
): void {
  const tokens = x.length / sums.columns;
  kernels.scope(() => {
    const weight = kernels.f32(tokens);
    addRowEnergy(g, sums.rowEnergy, weight);
    kernels.gram(x, weight, sums.a, tokens, sums.columns);
  });
  addToSketch(kernels, sums.sketch, sums.perturbation, { x, g, width: sums.rows, order });
  addInputEnergy(sums, inputEnergy, tokens);
  sums.tokens += tokens;
}

export function addInputEnergy(sums: FactorSums, inputEnergy: Float64Array, tokens: number): void {
  for (let c = 0; c < sums.columns; c++) sums.inputEnergy[c] += inputEnergy[c];
  sums.inputTokens += tokens;
}

/** energy_i += Σ_t g_ti² and weight_t = |g_t|². */
function addRowEnergy(g: Float32Array, energy: Float64Array, weight: Float32Array): void {
  const rows = energy.length;
  for (let t = 0, at = 0; t < weight.length; t++) {
    let norm = 0;
    for (let i = 0; i < rows; i++, at++) {
      const square = g[at] * g[at];
      energy[i] += square;
      norm += square;
    }
    weight[t] = norm;
  }
}

/** Σ_t x_t² per column of x[tokens, columns]. */
export function columnEnergy(x: Float32Array, columns: number): Float64Array {
  const energy = new Float64Array(columns);
  for (let at = 0; at < x.length; ) for (let c = 0; c < columns; c++, at++) energy[c] += x[at] * x[at];
  return energy;
}

/** Turns the sums of one half of the sequences into a term and starts the next half. */
export function finishHalf(kernels: Kernels, sums: FactorSums): void {
  const { a, rowEnergy, tokens, columns, perturbation } = sums;
  const total = rowEnergy.reduce((sum, value) => sum + value, 0);
  const b = Float32Array.from(rowEnergy, (value) => (total > 0 ? value / total : 1 / rowEnergy.length));
  for (let i = 0; i < a.length; i++) a[i] /= tokens;
  const error = rowErrors(kernels, a, perturbation.delta, perturbation.rows, columns);
  sums.kronecker.push(error.reduce((sum, value, r) => sum + value * b[r * perturbation.stride], 0));
  sums.terms.push({ a: new Float32Array(a), b });
  a.fill(0);
  rowEnergy.fill(0);
  sums.tokens = 0;
}

export function measuredUse(sums: FactorSums): UseMeasurement {
  const [rounding, pricing] = sums.terms;
  const kronecker = (sums.kronecker[0] + sums.kronecker[1]) / 2;
  return {
    tensor: sums.tensor,
    use: sums.use,
    rounding,
    pricing,
    importance: Float32Array.from(sums.inputEnergy, (value) => value / sums.inputTokens),
    sketch: finishSketch(sums.sketch, kronecker, sums.perturbation.rows),
  };
}
