import { bitsPerWeight, format } from '../numeric/table.ts';
import type { Model } from './types.ts';

/** What the matrices of a quantized file are stored in. */
export interface QuantizedSource {
  /** Mean over all matrices, scales included. */
  readonly bitsPerWeight: number;
  /** Formats with scales, those of most weights first. */
  readonly formats: readonly string[];
}

/** How a model is quantized already; undefined for one of plain floats, which may be an original. */
export function quantizedSource({ tensors }: Pick<Model, 'tensors'>): QuantizedSource | undefined {
  const weights = new Map<string, number>();
  for (const { format: name, shape } of tensors.values())
    if (shape.length > 1) weights.set(name, (weights.get(name) ?? 0) + shape[0] * shape[1]);
  const shares = [...weights].sort((a, b) => b[1] - a[1]);
  const formats = shares.map(([name]) => name).filter((name) => bitsPerWeight(format(name)) < 16);
  if (formats.length === 0) return undefined;
  const bits = shares.reduce((sum, [name, count]) => sum + count * bitsPerWeight(format(name)), 0);
  return { bitsPerWeight: bits / shares.reduce((sum, [, count]) => sum + count, 0), formats };
}

/** What a model that others are compared with is called: never the original when it is quantized itself. */
export function referenceName(model: Pick<Model, 'tensors'>): string {
  const source = quantizedSource(model);
  return source === undefined ? 'original' : `this ${source.bitsPerWeight.toFixed(1)}-bit file`;
}

/** One line for people who give a quantized file where an original is expected; undefined for others. */
export function quantizedRemark(model: Pick<Model, 'tensors' | 'baseModel'>): string | undefined {
  const source = quantizedSource(model);
  if (source === undefined) return undefined;
  const bits = source.bitsPerWeight.toFixed(source.bitsPerWeight < 10 ? 2 : 1);
  const base = model.baseModel === undefined ? 'the original' : model.baseModel;
  return (
    `is quantized already (${source.formats.slice(0, 3).join(', ')}; ${bits} bits per weight): ` +
    `KL is against this file; give ${base} for the loss against that`
  );
}
