import { bitsPerWeight, format } from '../../numeric/table.ts';
import { isMultiplied } from '../latency/products.ts';
import type { Resource, Setting } from './types.ts';

/** Activations that nothing rounds: weight-only formats are told as `W4A16` in the field. */
const ACTIVATION_BITS = 16;

/**
 * Bit operations per token: stored bits of a weight × bits of an activation × multiply-adds, rounded up. Attention's
 * products of activations with each other depend on no choice and are not counted.
 * @see van Baalen et al., "Bayesian bits", NeurIPS 2020, appendix B
 */
export function bops({ model }: Setting): Resource {
  return {
    name: 'bops',
    fixed: 0,
    cost: (tensor, name, bits = ACTIVATION_BITS) => {
      const multiplyAdds = isMultiplied(model, tensor.tensor) ? tensor.rows * tensor.columns : 0;
      return Math.ceil(bitsPerWeight(format(name)) * bits * multiplyAdds);
    },
  };
}
