import { multipliedTensors } from '../../graph/uses.ts';
import type { Model } from '../../model/types.ts';
import { format, rowBytes } from '../../numeric/table.ts';
import { matrices } from '../../quantize/sensitivity.ts';
import type { Product } from './predict.ts';

/** Whether every token is multiplied with a matrix. Of an embedding that is no output head too, one row is looked up. */
export function isMultiplied({ graph }: Pick<Model, 'graph'>, tensor: string): boolean {
  return multipliedTensors(graph).has(tensor);
}

/** Products of one decoded token under a choice of formats. */
export function productsOf(model: Model, formatOf: (name: string) => string): Product[] {
  return matrices(model)
    .filter(({ name }) => isMultiplied(model, name))
    .map(({ name, shape: [rows, columns] }) => ({ rows, columns, format: formatOf(name) }));
}

/** Bytes of all products' matrices. */
export function productBytes(products: readonly Product[]): number {
  return products.reduce((sum, product) => sum + product.rows * rowBytes(format(product.format), product.columns), 0);
}
