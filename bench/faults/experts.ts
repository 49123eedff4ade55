import { faultsOf } from './types.ts';

export const expertsFaults = [
  ...faultsOf('assembly/route.ts', 'experts', [
    ['route', 'ties go to the higher index', 'largest', 'value > most', 'value >= most'],
    ['route', 'experts taken by the last token stay taken', 'route', 'memory.fill(taken, 0, <usize>experts << 2);', ''],
    ['route', 'weights are never normalized', 'route', 'normalize ? chosen : all', 'all'],
    ['route', 'logits are not shifted', 'exponentials', 'vsplat(highest(x, n))', 'vsplat(0)'],
    ['routeBackward', 'the mean is dropped', 'routeBackward', '- mean)', ')'],
    [
      'routeBackward',
      'the probability of others is not normalized',
      'routeBackward',
      '-inner / (total * total)',
      '-inner / total',
    ],
    [
      'routeBackward',
      'dLogits of others are not reset',
      'routeBackward',
      'memory.fill(dLogits + row, 0, <usize>experts << 2);',
      '',
    ],
    [
      'groupByExpert',
      'counts are not reset',
      'groupByExpert',
      'memory.fill(offsets, 0, <usize>(experts + 1) << 2);',
      '',
    ],
    [
      'groupByExpert',
      'offsets stay at the ends',
      'groupByExpert',
      'memory.copy(offsets + 4, offsets, <usize>experts << 2);',
      '',
    ],
    [
      'groupByExpert',
      'the order is not stable',
      'groupByExpert',
      'store<i32>(order + (<usize>place << 2), slot)',
      'store<i32>(order + (<usize>place << 2), slots - 1 - slot)',
    ],
  ]),
  ...faultsOf('assembly/slots.ts', 'experts', [
    ['gatherSlots', 'choices are taken for tokens', 'gatherSlots', '/ k)', '% k)'],
    [
      'gatherSlotsBackward',
      'slots are taken for places',
      'gatherSlotsBackward',
      'load<i32>(slot + j)',
      '(token * k + <i32>(j >> 2))',
    ],
    [
      'gatherSlotsBackward',
      'the last choice is dropped',
      'gatherSlotsBackward',
      'j < <usize>k * 4',
      'j < <usize>(k - 1) * 4',
    ],
    ['combine', 'weights are dropped', 'combine', 'vsplat(load<f32>(weights + slot + j))', 'vsplat(1)'],
    ['combine', 'sums are not reset', 'combine', 'let sum = vsplat(0)', 'let sum = vloadPart(to + at, columns - i, 0)'],
    ['combineBackward', 'dWeights lie by places', 'combineBackward', 'dWeights + at', 'dWeights + (<usize>i << 2)'],
    ['combineBackward', 'dY is without its weight', 'combineBackward', 'load<f32>(weights + at)', '1'],
  ]),
  ...faultsOf('assembly/grouped.ts', 'grouped', [
    ['groupedMatmulNT', 'every run takes the first matrix', '', 'w + <usize>e * matrix', 'w'],
    ['groupedMatmulNN', 'y is not reset', '', 'm, n, k, 0, ith', 'm, n, k, 1, ith'],
    ['groupedMatmulNN', 'the last row of a run is dropped', '', 'n, m, n, k, 0', 'n, m - 1, n, k, 0'],
  ]),
  ...faultsOf('assembly/packed/grouped.ts', 'grouped', [
    ['groupedPacked', 'every run takes the first matrix', 'multiplyRuns', 'w + <usize>e * matrix', 'w'],
    ['groupedPacked', 'every row of a short run is its first', 'multiplyRuns', 'x + <usize>i * rowBytes', 'x'],
    ['groupedPacked', 'runs are rounded to one place', 'roundRuns', 'to += <usize>places(m, together) * rowBytes;', ''],
    ['groupedPacked', 'float runs start at the first row', 'multiplyFloatRuns', 'x + <usize>first', 'x + <usize>0'],
  ]),
];
