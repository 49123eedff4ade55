import { cacheStates } from '../../graph/states.ts';
import { packedFormats } from '../../kernels/packedFormats.ts';
import { cacheBytes } from '../../model/cache-formats.ts';
import { isMatrix } from '../../model/matrices.ts';
import type { Model } from '../../model/types.ts';
import { format, rowBytes } from '../../numeric/table.ts';
import { contextOf } from '../latency/decode.ts';
import { isMultiplied } from '../latency/products.ts';
import type { Resource, Setting } from './types.ts';

/** Bytes of a float32: vectors, keys and values, and weights in formats without a kernel, which are decoded when loaded. */
const FLOAT_BYTES = 4;

/**
 * Bytes that one decoded token reads: every matrix that it is multiplied with, its row of the embedding, the vectors, and the
 * keys and values of the context.
 */
export function moved({ model, context, cache }: Setting): Resource {
  const floats = cache ? [] : cacheStates(model.graph);
  const tokens = context ?? contextOf(model);
  return {
    name: 'moved',
    fixed: FLOAT_BYTES * vectorValues(model) + floats.reduce((sum, state) => sum + cacheBytes(state, 'F32', tokens), 0),
    cost: (tensor, name) => {
      const row = packedFormats.includes(name) ? rowBytes(format(name), tensor.columns) : FLOAT_BYTES * tensor.columns;
      return (isMultiplied(model, tensor.tensor) ? tensor.rows : 1) * row;
    },
    cacheCost: (state, name) => cacheBytes(state, name, tokens),
  };
}

function vectorValues({ tensors }: Model): number {
  return [...tensors.values()].reduce(
    (sum, tensor) => sum + (isMatrix(tensor) ? 0 : tensor.shape.reduce((a, b) => a * b, 1)),
    0,
  );
}
