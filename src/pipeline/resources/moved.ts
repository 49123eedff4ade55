import { cacheStates } from '../../graph/states.ts';
import { packedFormats } from '../../kernels/packedFormats.ts';
import { cacheBytes } from '../../model/cache-formats.ts';
import { isMatrix } from '../../model/matrices.ts';
import type { Model } from '../../model/types.ts';
import { format, rowBytes } from '../../numeric/table.ts';
import { contextOf } from '../latency/decode.ts';
import { choosesStates, costOf, type Resource, type Setting } from './types.ts';

/** Bytes of a float32: vectors, keys and values, and weights in formats without a kernel, which are decoded when loaded. */
const FLOAT_BYTES = 4;

/**
 * Bytes that one decoded token reads: every matrix that it is multiplied with, of experts those it is sent to, its row of
 * the embedding, the vectors, and the keys and values of the context.
 */
export function moved(setting: Setting): Resource {
  const { model, context } = setting;
  const floats = choosesStates(setting) ? [] : cacheStates(model.graph);
  const tokens = context ?? contextOf(model);
  return {
    name: 'moved',
    fixed:
      FLOAT_BYTES * vectorValues(model) + floats.reduce((sum, { width }) => sum + cacheBytes(width, 'F32', tokens), 0),
    cost: costOf({
      weight: ({ rowsPerToken, columns }, name) =>
        rowsPerToken * (packedFormats.includes(name) ? rowBytes(format(name), columns) : FLOAT_BYTES * columns),
      state: ({ columns }, name) => cacheBytes(columns, name, tokens),
    }),
  };
}

function vectorValues({ tensors }: Model): number {
  return [...tensors.values()].reduce(
    (sum, tensor) => sum + (isMatrix(tensor) || tensor.kept ? 0 : tensor.shape.reduce((a, b) => a * b, 1)),
    0,
  );
}
