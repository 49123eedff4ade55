import type { Measurement } from './types.ts';

/** Σx² of the inputs of one matrix and the tokens summed over, as llama.cpp's importance matrix keeps them. */
export interface ImportanceSums {
  readonly sums: Float32Array; // [columns]
  readonly counts: Float32Array; // [1]
}

/**
 * By GGUF name, every matrix that is used as a linear layer: the `entries` of container/imatrix.ts. A tied embedding is
 * among them under its own name, where llama-quantize looks for it.
 */
export function importanceSums({ key, summaries }: Measurement): Map<string, ImportanceSums> {
  const tokens = key.sequences * key.sequenceLength;
  const linear = summaries.filter(({ use }) => use === 'linear');
  return new Map(
    linear.map(({ tensor, importance }) => [
      tensor,
      { sums: importance.map((mean) => mean * tokens), counts: Float32Array.of(tokens) },
    ]),
  );
}
