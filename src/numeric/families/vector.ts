import { additives } from './additive.ts';
import { lattices } from './e8p.ts';
import { trellises } from './trellis.ts';
import type { Family } from './types.ts';

export const vectors: Family = {
  name: 'vector',
  branch: 'custom',
  title: 'Several values together: lattice points, sums of code words, trellis paths',
  equation: 'x ≈ s·v; E8P: v in E8 + ¼, 65 536 of them; additive: v = Σ C_m[q_m]; trellis: v_i = level(last L bits)',
  source:
    'Tseng et al., “QuIP#”, ICML 2024, section 4; Egiazarian et al., “AQLM”, ICML 2024, equation 2; Tseng et al., “QTIP”, NeurIPS 2024',
  formats: [...lattices, ...additives, ...trellises],
};
