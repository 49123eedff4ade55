import { tableElement } from '../elements.ts';
import { bitPacking, type Packing, scaledFormat } from '../scaled.ts';
import { SCALE_F16, SCALE_F32 } from '../scales.ts';
import { planesFormat } from './planes.ts';
import { PTQ1_61 } from './ptq161.ts';
import { ternaryFifths, ternaryPairs, ternaryTriples } from './ternary-packing.ts';
import type { Family } from './types.ts';

const sign = tableElement([1, -1]);
/** Codes 0, 1, 2; the fourth is never written. */
const ternary = tableElement([-1, 0, 1, Number.NaN]);

export const binary: Family = {
  name: 'binary',
  branch: 'custom',
  title: 'Signs under a scale, sums of several, and 4 bits for what matters most',
  equation: 'x ≈ a·sign(x), a = mean|x|; x ≈ Σ a_k·b_k; PTQ1.61: 4 bits where the column mask is 1',
  source: 'Rastegari et al., “XNOR-Net”, ECCV 2016, equation 6; Xu et al., ICLR 2018; Zhao et al., “PTQ1.61”, ACL 2025',
  formats: [
    scaledFormat({ name: 'BINARY_G128', element: sign, group: 128, scale: SCALE_F16 }),
    scaledFormat({ name: 'BINARY_CHANNEL', element: sign, group: 'channel', scale: SCALE_F32 }),
    planesFormat('BINARY_X2', 2, 2),
    planesFormat('BINARY_X3', 2, 3),
    PTQ1_61,
  ],
};

/** BitNet's absmean scale is a start of the search, not its result: on weights trained for it both agree. */
const packings: readonly [string, Packing][] = [
  ['I2_S', bitPacking(2)],
  ['TL1', ternaryPairs],
  ['TL2', ternaryTriples],
];

export const ternaries: Family = {
  name: 'ternary',
  branch: 'custom',
  title: '−1, 0, 1 under a scale, and planes of them',
  equation: 'x ≈ γ·clip(⌊x/γ⌉, −1, 1); planes: x ≈ a_1·t_1 + a_2·t_2',
  source:
    'Ma et al., “The Era of 1-bit LLMs”, 2024, equation 1; Wang et al., “bitnet.cpp”, 2024 (I2_S, TL1, TL2); Xiao et al., “PTQTP”, 2025 (trit-planes)',
  formats: [
    ...packings.map(([name, packing]) =>
      scaledFormat({ name: `TERNARY_${name}`, element: ternary, group: 'tensor', scale: SCALE_F32, packing }),
    ),
    scaledFormat({ name: 'TERNARY_G128', element: ternary, group: 128, scale: SCALE_F16, packing: ternaryFifths }),
    planesFormat('TRIT_PLANES', 3, 2),
  ],
};
