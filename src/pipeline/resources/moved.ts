import { packedFormats } from '../../kernels/packedFormats.ts';
import type { Model, ModelConfig } from '../../model/types.ts';
import { format, rowBytes } from '../../numeric/table.ts';
import { contextOf } from '../latency/decode.ts';
import { isMultiplied } from '../latency/products.ts';
import type { Resource, Setting } from './types.ts';

/** Bytes of a float32: vectors, keys and values, and weights in formats without a kernel, which are decoded when loaded. */
const FLOAT_BYTES = 4;

/**
 * Bytes that one decoded token reads: every matrix that it is multiplied with, its row of the embedding, and, fixed, the
 * vectors and the keys and values of the context.
 */
export function moved({ model, context }: Setting): Resource {
  return {
    name: 'moved',
    fixed: FLOAT_BYTES * (vectorValues(model) + cachedValues(model.config, context ?? contextOf(model))),
    cost: (tensor, name) => {
      const row = packedFormats.includes(name) ? rowBytes(format(name), tensor.columns) : FLOAT_BYTES * tensor.columns;
      return (isMultiplied(model, tensor) ? tensor.rows : 1) * row;
    },
  };
}

function vectorValues({ tensors }: Model): number {
  return [...tensors.values()].reduce((sum, { shape }) => sum + (shape.length === 1 ? shape[0] : 0), 0);
}

function cachedValues({ layers, kvHeads, headDim }: ModelConfig, context: number): number {
  return 2 * layers * context * kvHeads * headDim;
}
