import type { Kernels } from '../kernels/contract.ts';
import type { ModelTensor } from '../model/types.ts';
import type { TableRows } from '../run/lookups.ts';
import type { SequenceBatch, TokenBatch } from './plan.ts';
import { rowErrors } from './price.ts';
import { finishSketch, type ReferencePerturbation, referencePerturbation, sketchSums } from './sketch.ts';
import type { KroneckerTerm, UseMeasurement } from './types.ts';

/** Weight of the model's own predictions against the text's counts, in texts of the calibration's size. */
const PREDICTION_WEIGHT = 1;
/** Occurrences at which a token's own gradients weigh as much as the average token's. */
const ENERGY_PRIOR = 4;

interface LookupTask {
  readonly kernels: Kernels;
  readonly tensor: ModelTensor;
  readonly tokens: TokenBatch;
  readonly batches: readonly SequenceBatch[];
  readonly rows: TableRows;
  /** At the embedding's output, [sequences·length, columns] in processing order. */
  readonly gradient: Float32Array;
  /** Mean predicted probability per token, [vocabulary]; of another length where outputs are not tokens. */
  readonly probability: Float32Array;
}

/**
 * The embedding as a table: an error δe_i of row i acts wherever token i stands, so the term is
 * ½·Σ_i b_i·δe_i·E[g0·g0ᵀ]·δe_iᵀ with g0 the gradient at the embedding's output and b_i the share of token i.
 */
export function measureLookup(task: LookupTask): UseMeasurement {
  const { kernels, tensor, tokens, rows } = task;
  const columns = tensor.shape[1];
  return kernels.scope(() => {
    const perturbation = referencePerturbation(rows.values.slice(), columns, 1);
    const terms: KroneckerTerm[] = [];
    let kronecker = 0;
    for (const half of [0, 1] as const) {
      const { a, energy, occurrences } = halfFactors(task, half);
      terms.push({ a: new Float32Array(a), b: tokenShares(energy, occurrences, task.probability) });
      kronecker += seenPrice(kernels, a, energy, rows, perturbation) / 2;
      kernels.free(a);
    }
    const sums = sketchSums(tokens.sequences);
    for (const batch of task.batches) addLookupSketch(sums, task, batch, perturbation.delta);
    return {
      tensor: tensor.name,
      use: 'lookup',
      kind: tensor.role,
      rounding: terms[0],
      pricing: terms[1],
      importance: new Float32Array(columns).fill(1),
      sketch: finishSketch(sums, kronecker, rows.ids.length),
    };
  });
}

/** A batch's part of something that all sequences have. @param each numbers per sequence */
function rowsOf(all: Float32Array, { start, order }: SequenceBatch, each: number): Float32Array {
  return all.subarray(start * each, (start + order.length) * each);
}

/** E[g0·g0ᵀ], and per token id Σ|g0|² and how often it stands, over one half. */
function halfFactors(
  task: LookupTask,
  half: 0 | 1,
): { a: Float32Array; energy: Float64Array; occurrences: Float64Array } {
  const { kernels, tensor, tokens, gradient } = task;
  const [vocabulary, columns] = tensor.shape;
  const a = kernels.f32(columns * columns);
  const energy = new Float64Array(vocabulary);
  const occurrences = new Float64Array(vocabulary);
  let count = 0;
  for (const batch of task.batches) {
    if (batch.half !== half) continue;
    const g = rowsOf(gradient, batch, tokens.length * columns);
    const uploaded = kernels.upload(g);
    kernels.gram(uploaded, undefined, a, batch.tokens, columns);
    kernels.free(uploaded);
    forEachToken(tokens, batch, (id, _, t) => {
      let norm = 0;
      for (let c = 0; c < columns; c++) norm += g[t * columns + c] ** 2;
      energy[id] += norm;
      occurrences[id]++;
    });
    count += batch.tokens;
  }
  for (let i = 0; i < a.length; i++) a[i] /= count;
  return { a, energy, occurrences };
}

/**
 * b: how much of the loss's curvature each token's row carries, Σ b = 1. The rate of a token mixes its count with the
 * model's mean predicted probability (which knows rare tokens that a short text does not hold); its energy per
 * occurrence is its own mean |g0|² shrunk to the text's.
 */
export function tokenShares(energy: Float64Array, occurrences: Float64Array, probability: Float32Array): Float32Array {
  const tokens = occurrences.reduce((sum, value) => sum + value, 0);
  const mean = energy.reduce((sum, value) => sum + value, 0) / tokens;
  const share = Float64Array.from(occurrences, (count, i) => {
    const seen = count / tokens;
    const known = probability.length === occurrences.length;
    const rate = known ? (seen + PREDICTION_WEIGHT * probability[i]) / (1 + PREDICTION_WEIGHT) : seen;
    const relative = mean > 0 ? (energy[i] / mean + ENERGY_PRIOR) / (count + ENERGY_PRIOR) : 1;
    return rate * relative;
  });
  const total = share.reduce((sum, value) => sum + value, 0);
  return Float32Array.from(share, (value) => value / total);
}

/** Price of the reference perturbation for the tokens of the text as they were counted, to be set beside the sketch. */
function seenPrice(
  kernels: Kernels,
  a: Float32Array,
  energy: Float64Array,
  rows: TableRows,
  perturbation: ReferencePerturbation,
): number {
  const error = kernels.scope(() =>
    rowErrors(kernels, a, kernels.upload(perturbation.delta), perturbation.rows, perturbation.columns),
  );
  const total = energy.reduce((sum, value) => sum + value, 0);
  return error.reduce((sum, value, i) => sum + (total > 0 ? (value * energy[rows.ids[i]]) / total : 0), 0);
}

function addLookupSketch(
  sums: ReturnType<typeof sketchSums>,
  task: LookupTask,
  batch: SequenceBatch,
  delta: Float32Array,
): void {
  const { tokens, rows, gradient } = task;
  const columns = task.tensor.shape[1];
  const perSequence = new Map<number, Map<number, number>>();
  forEachToken(tokens, batch, (id, sequence, t) => {
    const place = rows.place.get(id)!;
    let dot = 0;
    const from = (batch.start * tokens.length + t) * columns;
    for (let c = 0; c < columns; c++) dot += gradient[from + c] * delta[place * columns + c];
    sums.innerProducts[sequence] += dot;
    sums.tokenProducts[sequence] += dot * dot;
    const perToken = perSequence.get(sequence) ?? new Map<number, number>();
    perToken.set(id, (perToken.get(id) ?? 0) + dot);
    perSequence.set(sequence, perToken);
  });
  for (const [sequence, perToken] of perSequence)
    for (const dot of perToken.values()) sums.rowProducts[sequence] += dot * dot;
  for (const sequence of batch.order) sums.squares[sequence] = sums.innerProducts[sequence] ** 2;
}

/** Calls with token id, sequence number and row of the batch. */
function forEachToken(
  tokens: TokenBatch,
  batch: SequenceBatch,
  visit: (id: number, sequence: number, row: number) => void,
): void {
  batch.order.forEach((sequence, s) => {
    for (let t = 0; t < tokens.length; t++)
      visit(tokens.ids[sequence * tokens.length + t], sequence, s * tokens.length + t);
  });
}
