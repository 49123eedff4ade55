import type { Kernels } from '../kernels/contract.ts';

/** Per-token scores in JS memory, in the order of the text. */
export interface TokenScores {
  readonly kl: Float32Array;
  readonly nllReference: Float32Array;
  readonly nll: Float32Array;
  /** 1 where the most probable tokens agree. */
  readonly agree: Float32Array;
}

export function emptyScores(count: number): TokenScores {
  const array = (): Float32Array => new Float32Array(count);
  return { kl: array(), nllReference: array(), nll: array(), agree: array() };
}

/**
 * Compares rows of logits and puts their scores from row `first` on.
 * @param reference logits or log-probabilities [rows, vocabulary], in the backend's memory like `candidate`
 * @param labels of all rows, in JS memory
 */
export function scoreRows(
  kernels: Kernels,
  reference: Float32Array,
  candidate: Float32Array,
  labels: Int32Array,
  first: number,
  vocabulary: number,
  scores: TokenScores,
): void {
  const rows = reference.length / vocabulary;
  kernels.scope(() => {
    const rowLabels = kernels.i32(rows);
    rowLabels.set(labels.subarray(first, first + rows));
    const result = {
      kl: kernels.f32(rows),
      nllP: kernels.f32(rows),
      nllQ: kernels.f32(rows),
      agree: kernels.f32(rows),
    };
    kernels.compareLogits(reference, candidate, rowLabels, vocabulary, result);
    scores.kl.set(result.kl, first);
    scores.nllReference.set(result.nllP, first);
    scores.nll.set(result.nllQ, first);
    scores.agree.set(result.agree, first);
  });
}
