import { parquetWriteBuffer } from 'hyparquet-writer';
import { estimate, relativeError } from './calibrate.ts';
import { wholeName } from './experts.ts';
import type { Measurement, UseSummary } from './types.ts';

/**
 * The sensitivity table as a Parquet file, one row per use of a matrix. Losses are those of the sketch's reference
 * perturbation (4-bit rounding of `sketch_rows` rows), nats per token; `kronecker` is multiplied with `factor` already.
 */
export function measurementToParquet(measurement: Measurement): ArrayBuffer {
  const { summaries, key } = measurement;
  const perToken = 1 / (2 * key.sequenceLength);
  const unbiased = ({ sketch }: UseSummary) => estimate(sketch.squares.map((v) => v * perToken));
  const mean = (values: Float64Array): number => estimate(values).mean * perToken;
  return parquetWriteBuffer({
    columnData: [
      { name: 'tensor', type: 'STRING', data: summaries.map(({ tensor }) => tensor) },
      { name: 'use', type: 'STRING', data: summaries.map(({ use }) => use) },
      { name: 'rows', type: 'INT32', data: summaries.map(({ rows }) => rows) },
      { name: 'columns', type: 'INT32', data: summaries.map(({ columns }) => columns) },
      { name: 'sketch_rows', type: 'INT32', data: summaries.map(({ sketch }) => sketch.rows) },
      { name: 'unbiased', type: 'DOUBLE', data: summaries.map((summary) => unbiased(summary).mean) },
      { name: 'unbiased_error', type: 'DOUBLE', data: summaries.map((summary) => unbiased(summary).standardError) },
      { name: 'row_products', type: 'DOUBLE', data: summaries.map(({ sketch }) => mean(sketch.rowProducts)) },
      { name: 'token_products', type: 'DOUBLE', data: summaries.map(({ sketch }) => mean(sketch.tokenProducts)) },
      { name: 'kronecker', type: 'DOUBLE', data: summaries.map(({ sketch }) => sketch.kronecker) },
      { name: 'factor', type: 'DOUBLE', data: summaries.map(({ factor }) => factor.value) },
      { name: 'factor_error', type: 'DOUBLE', data: summaries.map(({ factor }) => factor.standardError) },
      {
        name: 'relative_error',
        type: 'DOUBLE',
        data: summaries.map((summary) => relativeError(summaries, wholeName(summary))),
      },
    ],
    kvMetadata: [{ key: 'measurement', value: JSON.stringify(key) }],
  });
}
