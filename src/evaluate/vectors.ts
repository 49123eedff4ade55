import { UsageError } from '../core/errors.ts';
import type { WorkOptions } from '../core/progress.ts';
import type { Kernels } from '../kernels/contract.ts';
import type { Model } from '../model/types.ts';
import { textSequences } from '../run/sequences.ts';
import { networkOutputs } from './network.ts';
import type { TokenScores } from './scores.ts';
import type { Estimate, Recall } from './types.ts';
import { batchOf, type ScoredWindows } from './windows.ts';

/** Vectors of all windows, [windows, width], in float32. */
export async function windowVectors(
  kernels: Kernels,
  model: Model,
  windows: ScoredWindows,
  options: WorkOptions,
): Promise<Float32Array> {
  return (await networkOutputs(kernels.device, model, textSequences(batchOf(windows)), options)).values;
}

/** 1 − cosine of unit vectors a and b from `at` on: half their squared distance, which keeps its digits where they are near. */
export function oneMinusCosine(a: Float32Array, b: Float32Array, width: number, atA = 0, atB = atA): number {
  let squares = 0;
  for (let i = 0; i < width; i++) squares += (a[atA + i] - b[atB + i]) ** 2;
  return squares / 2;
}

/** How far a candidate's vectors are from the reference's, text by text; nothing is said of next tokens. */
export function vectorScores(reference: Float32Array, candidate: Float32Array, texts: number): TokenScores {
  if (reference.length !== candidate.length)
    throw new UsageError(
      `models: vectors of ${reference.length / texts} and ${candidate.length / texts} numbers cannot be compared`,
    );
  const width = reference.length / texts;
  const none = new Float32Array(0);
  const kl = Float32Array.from({ length: texts }, (_, i) => oneMinusCosine(reference, candidate, width, i * width));
  return { kl, nllReference: none, nll: none, agree: none };
}

/** Vectors of queries and of the texts that they belong to, [pairs, width] each, in one order. */
export interface PairVectors {
  readonly queries: Float32Array;
  readonly texts: Float32Array;
}

/** Of each query: 1 where its own text is the nearest of all, else 0. */
function hits({ queries, texts }: PairVectors, pairs: number): Float32Array {
  const width = queries.length / pairs;
  return Float32Array.from({ length: pairs }, (_, query) => {
    const apart = (text: number): number => oneMinusCosine(queries, texts, width, query * width, text * width);
    const own = apart(query);
    for (let text = 0; text < pairs; text++) if (text !== query && apart(text) <= own) return 0;
    return 1;
  });
}

/** Share of queries whose own text is the nearest, of the model and of its reference. */
export function recallOf(model: PairVectors, reference: PairVectors, pairs: number): Recall {
  const shareOf = (found: Float32Array): Estimate => {
    const mean = found.reduce((sum, value) => sum + value, 0) / pairs;
    return { mean, standardError: Math.sqrt((mean * (1 - mean)) / pairs) };
  };
  return { pairs, model: shareOf(hits(model, pairs)), reference: shareOf(hits(reference, pairs)) };
}
