import type { Kernels } from '../contract.ts';
import type { Team } from './team.ts';

export function elementwiseKernels(team: Team): Pick<Kernels, 'add' | 'addBias'> {
  return {
    add: (y, x) => team.dispatch('add', [team.address(y), team.address(x), y.length], y.length),
    addBias: (y, bias) => {
      const rows = y.length / bias.length;
      team.dispatch('addBias', [team.address(y), team.address(bias), rows, bias.length], y.length);
    },
  };
}
