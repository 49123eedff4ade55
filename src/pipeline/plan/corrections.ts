import type { Estimate } from '../../evaluate/types.ts';
import type { MatrixKind } from '../../graph/kinds.ts';
import { bitsPerWeight, format } from '../../numeric/table.ts';

const KINDS: readonly MatrixKind[] = ['embedding', 'head', 'attention', 'feedForward'];

/** Predicted losses of a kind are multiplied with level + coarse · `coarseness` of the format. */
export interface KindCorrection {
  /** What holds at every width: another text, matrices that act together. */
  readonly level: number;
  /** What few bits add: the second order fails. */
  readonly coarse: number;
}

/** How far predictions are off, learned from true evaluations of a few probes. */
export interface Corrections {
  readonly kinds: Readonly<Record<MatrixKind, KindCorrection>>;
  /** Relative standard error of a plan's prediction that is left. */
  readonly spread: number;
  /** Whether they come from true evaluations of this model. */
  readonly learned: boolean;
  /** Covariance of level and coarse of every kind, kinds in order: what probes leave open. [8, 8] */
  readonly covariance?: readonly (readonly number[])[];
}

/**
 * Relative standard error of what the form leaves out before anything is learned: another text than the measured one,
 * matrices that act together, higher orders.
 */
const FORM_ERROR = 0.17;

/** Prices as they are: what the first plan is solved for. */
export const NO_CORRECTION: Corrections = {
  kinds: kindsOf(() => ({ level: 1, coarse: 0 })),
  spread: FORM_ERROR,
  learned: false,
};

/**
 * True KL of solved plans of the embedded model is 1.17 + 0.6 · coarseness times their prices, between 2.2 and 5.9 bits; that of SmolLM2's
 * stored plans 1.05 to 1.28 times. Coarse is told as a share of the level.
 */
const TYPICAL_LEVEL = 1.15;
const TYPICAL_COARSE = 0.35;

/**
 * What predictions are multiplied with before anything is learned of a model: prices are too low, the more so the fewer
 * the bits (docs/decisions/007).
 */
export const TYPICAL_CORRECTION: Corrections = {
  kinds: kindsOf(() => ({ level: TYPICAL_LEVEL, coarse: TYPICAL_LEVEL * TYPICAL_COARSE })),
  spread: FORM_ERROR,
  learned: false,
};

/** Bits per weight at which coarseness is 1. */
const COARSE_BITS = 2.625;

/** Square of a format’s step: 1 at 2.625 bits per weight (Q2_K), a quarter of it for every bit more; never above 1, where nothing was learned. */
export function coarseness(formatName: string): number {
  return Math.min(1, 4 ** (COARSE_BITS - bitsPerWeight(format(formatName))));
}

export function correctionFactor(corrections: Corrections, kind: MatrixKind, formatName: string): number {
  const { level, coarse } = corrections.kinds[kind];
  return level + coarse * coarseness(formatName);
}

/** A rounded matrix of a probe: its uncorrected prediction. */
export interface ProbedMatrix {
  readonly kind: MatrixKind;
  readonly format: string;
  /** nats per token */
  readonly loss: number;
}

/** Some matrices rounded together, the others left alone, and the KL measured of that. */
export interface Probe {
  readonly matrices: readonly ProbedMatrix[];
  readonly kl: Estimate;
  /** Mean KL of every window: how much text differs from text. */
  readonly windows?: readonly number[];
}

/** Known beforehand, as shares of the common level: what few bits add, and standard deviations of that and of a kind's own level. */
const PRIOR_COARSE = 0.2;
const LEVEL_SPREAD = 0.15;
const COARSE_SPREAD = 0.4;
/** Relative error of a probe beside its own: no form is exact. */
const PROBE_ERROR = 0.03;
/** Passes over the eight coordinates: many more than they need. */
const SWEEPS = 2000;
/** Windows that a result is judged on for every one that probes see. */
const JUDGED_WINDOWS = 2;
/** Factors stay positive at any width. */
const LEAST_LEVEL = 0.2;
const LEAST_COARSE = -0.15;

/**
 * Learns from probes by regression of measured KL on the predictions of the kinds, shrunk towards one factor for all.
 * Residuals are relative, since small losses matter as much as large ones.
 * @param probes with a KL that is worth learning from; none: nothing is learned
 * @see Hoerl and Kennard, Ridge regression (1970)
 */
export function learnCorrections(probes: readonly Probe[]): Corrections {
  const rows = probes.filter(({ kl }) => kl.mean > 0).map(regressionRow);
  if (rows.length === 0) return NO_CORRECTION;
  const typical = features(1, PRIOR_COARSE);
  const common = Math.exp(mean(rows.map(({ features, kl }) => Math.log(kl / dot(features, typical)))));
  const prior = features(common, common * PRIOR_COARSE);
  const deviation = features(common * LEVEL_SPREAD, common * COARSE_SPREAD);
  const least = features(common * LEAST_LEVEL, common * LEAST_COARSE);
  const solved = ridge(rows, prior, deviation, least);
  // Losses beyond all numbers teach nothing.
  if (!solved.every(Number.isFinite)) return NO_CORRECTION;
  const residuals = rows.map(({ features, kl }) => dot(features, solved) / kl - 1);
  return {
    kinds: kindsOf((kind) => ({ level: solved[2 * KINDS.indexOf(kind)], coarse: solved[2 * KINDS.indexOf(kind) + 1] })),
    spread: Math.hypot(PROBE_ERROR, Math.sqrt(mean(residuals.map((value) => value * value))), textError(probes)),
    learned: true,
    covariance: inverse(curvatureOf(rows, deviation)),
  };
}

/**
 * Standard error of the prediction of a plan that comes from what probes leave open: large where they were of other widths.
 * @param matrices with their uncorrected predictions
 */
export function openError({ covariance }: Corrections, matrices: readonly ProbedMatrix[]): number {
  if (covariance === undefined) return 0;
  const { features } = regressionRow({ matrices, kl: { mean: 1, standardError: 0 } });
  return Math.sqrt(
    Math.max(
      0,
      dot(
        features,
        covariance.map((row) => dot(row, features)),
      ),
    ),
  );
}

/**
 * Relative standard error of one text's KL as a prediction of another's: both are samples of windows, and tokens of a window are
 * alike. Where windows are not known, the least error that a probe was measured with.
 */
function textError(probes: readonly Probe[]): number {
  const errors = probes.flatMap(({ kl, windows = [] }) => {
    if (!(kl.mean > 0)) return [];
    if (windows.length < 2) return [kl.standardError / kl.mean];
    const squares = windows.map((value) => (value / kl.mean - 1) ** 2);
    const variance = sum(squares) / (windows.length - 1);
    return [Math.sqrt(variance * (1 / windows.length + 1 / (JUDGED_WINDOWS * windows.length)))];
  });
  return Math.min(...errors);
}

interface RegressionRow {
  /** Σ loss and Σ loss · coarseness of every kind, kinds in order. */
  readonly features: readonly number[];
  readonly kl: number;
  readonly relativeError: number;
}

function regressionRow({ matrices, kl }: Probe): RegressionRow {
  const row: number[] = new Array(2 * KINDS.length).fill(0);
  for (const { kind, format: name, loss } of matrices) {
    const at = 2 * KINDS.indexOf(kind);
    row[at] += loss;
    row[at + 1] += loss * coarseness(name);
  }
  return { features: row, kl: kl.mean, relativeError: kl.standardError / kl.mean };
}

/**
 * The least Σ ((features·x − kl) / (kl·error))² + Σ ((x − prior) / deviation)² over x ≥ least, one coordinate after the
 * other: the sum is strictly convex, and the coordinates are few.
 */
function ridge(
  rows: readonly RegressionRow[],
  prior: readonly number[],
  deviation: readonly number[],
  least: readonly number[],
): number[] {
  const x = [...prior];
  for (let sweep = 0; sweep < SWEEPS; sweep++)
    for (let p = 0; p < x.length; p++) {
      let curvature = deviation[p] ** -2;
      let slope = (x[p] - prior[p]) * deviation[p] ** -2;
      for (const { features, kl, relativeError } of rows) {
        const scaled = features[p] / (kl * Math.hypot(relativeError, PROBE_ERROR));
        curvature += scaled * scaled;
        slope += (scaled * (dot(features, x) - kl)) / (kl * Math.hypot(relativeError, PROBE_ERROR));
      }
      x[p] = Math.max(least[p], x[p] - slope / curvature);
    }
  return x;
}

/** Second derivative of the sum that `ridge` makes least, halved: the inverse of its covariance. */
function curvatureOf(rows: readonly RegressionRow[], deviation: readonly number[]): number[][] {
  return deviation.map((own, p) =>
    deviation.map((_, q) => {
      const prior = p === q ? own ** -2 : 0;
      const probes = rows.map(
        ({ features, kl, relativeError }) =>
          (features[p] * features[q]) / (kl * Math.hypot(relativeError, PROBE_ERROR)) ** 2,
      );
      return prior + sum(probes);
    }),
  );
}

/** Inverse of a symmetric positive definite matrix, by Gauss and Jordan. */
function inverse(matrix: readonly (readonly number[])[]): number[][] {
  const n = matrix.length;
  const rows = matrix.map((row, i) => [...row, ...Array.from({ length: n }, (_, j) => (i === j ? 1 : 0))]);
  for (let p = 0; p < n; p++) {
    const pivot = rows[p][p];
    rows[p] = rows[p].map((value) => value / pivot);
    for (let i = 0; i < n; i++) {
      const factor = rows[i][p];
      if (i !== p) rows[i] = rows[i].map((value, j) => value - factor * rows[p][j]);
    }
  }
  return rows.map((row) => row.slice(n));
}

function kindsOf<T>(value: (kind: MatrixKind) => T): Record<MatrixKind, T> {
  return Object.fromEntries(KINDS.map((kind) => [kind, value(kind)])) as Record<MatrixKind, T>;
}

/** Two numbers for every kind, as rows have them. */
function features(level: number, coarse: number): number[] {
  return KINDS.flatMap(() => [level, coarse]);
}

function dot(a: readonly number[], b: readonly number[]): number {
  return a.reduce((total, value, i) => total + value * b[i], 0);
}

function sum(values: readonly number[]): number {
  return values.reduce((total, value) => total + value, 0);
}

function mean(values: readonly number[]): number {
  return sum(values) / values.length;
}
