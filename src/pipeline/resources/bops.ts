import { bitsOf, UNROUNDED } from '../../model/edge-options.ts';
import { bitsPerWeight, format } from '../../numeric/table.ts';
import type { Resource } from './types.ts';

/**
 * Bit operations per token: stored bits of a weight × bits of its inputs × multiply-adds, rounded up; inputs that nothing
 * rounds have 16 bits, as the field tells weight-only formats (`W4A16`). Of experts, those that a token is sent to count.
 * Attention's products of activations with each other depend on no choice and are not counted.
 * @see van Baalen et al., "Bayesian bits", NeurIPS 2020, appendix B
 */
export function bops(): Resource {
  return {
    name: 'bops',
    fixed: 0,
    cost: (chosen) => {
      const weight = chosen.find(({ site }) => site.kind === 'weight');
      if (weight === undefined || !weight.site.isMultiplied) return 0;
      const edge = chosen.find(({ site }) => site.kind === 'edge');
      const bits = edge === undefined ? UNROUNDED : bitsOf(edge.option, edge.site.id);
      const { rowsPerToken, columns } = weight.site;
      return Math.ceil(bitsPerWeight(format(weight.option)) * bits * rowsPerToken * columns);
    },
  };
}
