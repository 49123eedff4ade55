import { fixedTime, predictLatency, productTime, shapeOf } from '../latency/predict.ts';
import { cachesOf, productsOf } from '../latency/products.ts';
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
      weight: (site, format) => (site.isMultiplied ? productTime(table, { shape: shapeOf(site), format }) : 0),
      state: (site, format) => (format === 'F32' ? 0 : productTime(table, { shape: shapeOf(site), format })),
    }),
    spread: (optionOf) => predictLatency(table, [...productsOf(model, optionOf), ...cachesOf(model, optionOf)]).spread,
  };
}
