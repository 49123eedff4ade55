import type { Kernels } from '../kernels/contract.ts';
import { rowErrors } from './price.ts';
import { finishSketch, type ReferencePerturbation, type SketchSums, sketchSums } from './sketch.ts';
import type { KroneckerTerm, MeasuredMatrix, UseMeasurement } from './types.ts';

/** Sums over tokens that become the weighted Kronecker factors of one matrix, one half of the sequences after the other. */
export interface FactorSums {
  readonly matrix: MeasuredMatrix;
  readonly rows: number;
  readonly columns: number;
  /** Of each half that is finished. */
  readonly terms: KroneckerTerm[];
  /** Σ_t x_t² over all sequences, [columns]. */
  readonly inputEnergy: Float64Array;
  inputRows: number;
  readonly perturbation: ReferencePerturbation;
  readonly sketch: SketchSums;
  /** Price of the reference perturbation by each finished half. */
  readonly kronecker: number[];
}

/** What one half of the sequences summed up to. */
export interface HalfSums {
  /** Σ_t w_t·x_t·x_tᵀ, [columns, columns]; overwritten. */
  readonly a: Float32Array;
  /** Σ_t g_ti², [rows]. */
  readonly rowEnergy: Float64Array;
  /** Rows summed over: tokens, or what there is of them. */
  readonly count: number;
}

export function openFactors(
  matrix: MeasuredMatrix,
  rows: number,
  perturbation: ReferencePerturbation,
  sequences: number,
): FactorSums {
  const { columns } = perturbation;
  return {
    matrix,
    rows,
    columns,
    terms: [],
    inputEnergy: new Float64Array(columns),
    inputRows: 0,
    perturbation,
    sketch: sketchSums(sequences),
    kronecker: [],
  };
}

/** Adds the energy of some rows of inputs. @param energy Σ_t x_t², [columns] */
export function addInputEnergy(sums: FactorSums, energy: Float64Array, rows: number): void {
  for (let c = 0; c < sums.columns; c++) sums.inputEnergy[c] += energy[c];
  sums.inputRows += rows;
}

/** Turns the sums of one half of the sequences into a term. @param half which, default the next */
export function finishHalf(
  kernels: Kernels,
  sums: FactorSums,
  { a, rowEnergy, count }: HalfSums,
  half = sums.terms.length,
): void {
  const { columns, perturbation } = sums;
  const total = rowEnergy.reduce((sum, value) => sum + value, 0);
  const b = Float32Array.from(rowEnergy, (value) => (total > 0 ? value / total : 1 / rowEnergy.length));
  for (let i = 0; i < a.length; i++) a[i] /= count;
  const error = kernels.scope(() =>
    rowErrors(kernels, kernels.upload(a), kernels.upload(perturbation.delta), perturbation.rows, columns),
  );
  sums.kronecker[half] = error.reduce((sum, value, r) => sum + value * b[r * perturbation.stride], 0);
  sums.terms[half] = { a, b };
}

export function measuredUse(sums: FactorSums): UseMeasurement {
  const [rounding, pricing] = sums.terms;
  const kronecker = (sums.kronecker[0] + sums.kronecker[1]) / 2;
  return {
    ...sums.matrix,
    rounding,
    pricing,
    importance: Float32Array.from(sums.inputEnergy, (value) => value / sums.inputRows),
    sketch: finishSketch(sums.sketch, kronecker, sums.perturbation.rows),
  };
}
