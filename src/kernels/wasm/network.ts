import type { Kernels } from '../contract.ts';
import { requireLength } from './matmul.ts';
import type { Team } from './team.ts';

type NetworkKernels = Pick<Kernels, 'rmsNorm' | 'rmsNormBackward' | 'rope' | 'add' | 'addBias'>;

export function networkKernels(team: Team): NetworkKernels {
  const at = team.address;
  return {
    rmsNorm: (x, gain, y, n, epsilon) => {
      requireLength('y', y, x.length);
      requireLength('gain', gain, n);
      team.dispatch('rmsNorm', [at(x), at(gain), at(y), x.length / n, n, epsilon], 2 * x.length);
    },
    rmsNormBackward: (x, gain, dy, dx, n, epsilon) => {
      requireLength('dy', dy, x.length);
      requireLength('dx', dx, x.length);
      requireLength('gain', gain, n);
      const args = [at(x), at(gain), at(dy), at(dx), x.length / n, n, epsilon];
      team.dispatch('rmsNormBackward', args, 4 * x.length);
    },
    rope: (x, positions, table, { heads, headDim, dimensions, style }, inverse = false) => {
      requireLength('x', x, positions.length * heads * headDim);
      requireLength('table', table, (positions.reduce((a, b) => Math.max(a, b), 0) + 1) * dimensions);
      // Elements to the next pair and to the partner within a pair.
      const [next, partner] = style === 'interleaved' ? [2, 1] : [1, dimensions / 2];
      const shape = [positions.length, heads, headDim, dimensions / 2, next, partner, inverse ? -1 : 1];
      team.dispatch('rope', [at(x), at(positions), at(table), ...shape], 4 * x.length);
    },
    add: (y, x) => {
      requireLength('x', x, y.length);
      team.dispatch('add', [at(y), at(x), y.length], y.length);
    },
    addBias: (y, bias) => team.dispatch('addBias', [at(y), at(bias), y.length / bias.length, bias.length], y.length),
  };
}
