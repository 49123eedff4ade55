import { fixedTime, predictLatency, productTime } from '../latency/predict.ts';
import { productsOf } from '../latency/products.ts';
import { costOf, type Resource, type Setting } from './types.ts';

/**
 * Milliseconds per decoded token, one sequence, as measured on the device of the setting's table: no such resource
 * without one. Fixed is what no format changes: attention over the context, norms, sampling.
 */
export function latency({ model, latency: table }: Setting): Resource | undefined {
  if (table === undefined) return undefined;
  return {
    name: 'latency',
    unit: 'ms per decoded token',
    fixed: fixedTime(table),
    cost: costOf({
      weight: ({ isMultiplied, rows, columns }, format) =>
        isMultiplied ? productTime(table, { rows, columns, format }) : 0,
    }),
    spread: (formatOf) => predictLatency(table, productsOf(model, formatOf)).spread,
  };
}
