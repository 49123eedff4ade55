import { faultsOf } from './types.ts';

export const elementsFaults = [
  ...faultsOf('assembly/activations.ts', 'elements', [
    [
      'gated',
      'the cubic term of gelu has the wrong sign',
      '',
      'f32 = 0.07135481627260025',
      'f32 = -0.07135481627260025',
    ],
    [
      'gated',
      'up is dropped',
      'gated',
      'vmul(vmul(x, fraction(x, activation)), other)',
      'vmul(x, fraction(x, activation))',
    ],
    [
      'gatedBackward',
      'a term of the slope of gelu is dropped',
      'slopeOfGate',
      'vmadd(vmul(x, s), vmul(rest, inner), s)',
      'vmul(vmul(x, s), vmul(rest, inner))',
    ],
    ['gatedBackward', 'the cube is not derived', 'slopeOfGate', '3 * GELU_CUBIC', 'GELU_CUBIC'],
    ['gated', 'a term of the normal distribution has the wrong sign', '', 'vsplat(-0.11355737)', 'vsplat(0.11355737)'],
    [
      'gatedBackward',
      'the bell is dropped',
      'slopeOfGate',
      'vmul(x, vsplat(0.39894228)), bell(x), s)',
      'vsplat(0), bell(x), s)',
    ],
    ['activate', 'relu² is relu', 'value', 'vmul(x, vmax(x, vsplat(0)))', 'vmax(x, vsplat(0))'],
    ['gatedBackward', 'dUp is without the gate', 'gatedBackward', 'vmul(vmul(gradient, x), s)', 'vmul(gradient, s)'],
    ['activate', 'sigmoid of −x', 'vsigmoid', 'vsub(vsplat(0), x)', 'x'],
    ['activate', 'relu is the smaller', 'value', 'vmax(x, vsplat(0))', 'vmin(x, vsplat(0))'],
    [
      'activateBackward',
      'relu lets negative ones through',
      'back',
      'vselectLess(vsplat(0), x,',
      'vselectLess(x, vsplat(0),',
    ],
    ['activateBackward', 'a factor of the slope of sigmoid is dropped', 'back', 'vmul(s, vsub(vsplat(1), s))', 's'],
    [
      'activateBackward',
      'the slope of tanh is its square',
      'back',
      'vsub(vsplat(1), vmul(tangent, tangent))',
      'vmul(tangent, tangent)',
    ],
  ]),
  ...faultsOf('assembly/tanh.ts', 'elements', [
    ['activate', 'tanh is never negative', '', 'vsub(vsplat(0), far), far)', 'far, far)'],
    ['activate', 'a term of the series of tanh has the wrong sign', '', '-17.0 / 315.0', '17.0 / 315.0'],
  ]),
  ...faultsOf('assembly/rows.ts', 'elements', [
    [
      'scale',
      'values are added to the factor',
      'scaleRow',
      'vmul(vloadPart(x + at, n - i, 0), vsplat(factor))',
      'vsplat(factor)',
    ],
    ['scaleRows', 'every row takes the first factor', 'scaleRows', 's + (<usize>row << 2)', 's'],
    [
      'scaleRowsBackward',
      'ds is taken after dx overwrote dy',
      'scaleRowsBackward',
      'dotRow(x + start, dy + start, n)',
      'dotRow(x + start, dx + start, n)',
    ],
    ['scaleRowsBackward', 'dx is without its factor', 'scaleRowsBackward', 'load<f32>(s + (<usize>row << 2))', '1'],
  ]),
];
