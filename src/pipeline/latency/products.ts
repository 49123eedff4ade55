import { type Site, sitesOf } from '../../model/sites.ts';
import type { Model } from '../../model/types.ts';
import { format, rowBytes } from '../../numeric/table.ts';
import { type Product, shapeOf } from './predict.ts';

/** A matrix in a format. */
export interface MatrixProduct extends Product, Pick<Site, 'rows' | 'columns'> {
  /** Its site. */
  readonly site: string;
}

/** Products of one decoded token under a choice of formats. */
export function productsOf(model: Model, formatOf: (name: string) => string): MatrixProduct[] {
  return sitesOf(model)
    .filter(({ kind, isMultiplied }) => kind === 'weight' && isMultiplied)
    .map((site) => {
      const { id, rows, columns } = site;
      return { site: id, rows, columns, shape: shapeOf(site), format: formatOf(id) };
    });
}

/** Caches that one decoded token reads from blocks; float32 ones are read as they are. */
export function cachesOf(model: Model, formatOf: (state: string) => string | undefined): Product[] {
  return sitesOf(model).flatMap((site): Product[] => {
    const name = site.kind === 'state' ? formatOf(site.id) : undefined;
    return name === undefined || name === 'F32' ? [] : [{ shape: shapeOf(site), format: name }];
  });
}

/** Bytes of all products' matrices. */
export function productBytes(products: readonly MatrixProduct[]): number {
  return products.reduce((sum, product) => sum + product.rows * rowBytes(format(product.format), product.columns), 0);
}
