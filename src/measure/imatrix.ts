import { wholeName } from './experts.ts';
import type { Measurement } from './types.ts';

/** Σx² of the inputs and the tokens summed over, as llama.cpp's importance matrix keeps them: of stacked matrices each. */
export interface ImportanceSums {
  readonly sums: Float32Array; // [matrices, columns]
  readonly counts: Float32Array; // [matrices]
}

/**
 * By GGUF name, every matrix that is used as a linear layer: the `entries` of container/imatrix.ts. A tied embedding is
 * among them under its own name, where llama-quantize looks for it.
 */
export function importanceSums({ key, summaries }: Measurement): Map<string, ImportanceSums> {
  const tokens = key.sequences * key.sequenceLength;
  const linear = Map.groupBy(
    summaries.filter(({ use }) => use === 'linear'),
    wholeName,
  );
  return new Map(
    [...linear].map(([name, matrices]) => {
      const counts = Float32Array.from(matrices, ({ expert }) =>
        expert ? expert.tokens[0] + expert.tokens[1] : tokens,
      );
      const sums = matrices.map(({ importance }, i) => importance.map((mean) => mean * counts[i]));
      return [name, { sums: joined(sums), counts }];
    }),
  );
}

function joined(arrays: readonly Float32Array[]): Float32Array {
  const all = new Float32Array(arrays.length * arrays[0].length);
  for (const [i, array] of arrays.entries()) all.set(array, i * array.length);
  return all;
}
