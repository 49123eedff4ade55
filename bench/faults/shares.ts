import { faultsOf } from './types.ts';

/** Threads that leave something of their share out, or share what is each one's own. */
export const sharesFaults = [
  ...faultsOf('assembly/attention.ts', 'shares', [
    ['attention', 'threads share their scores', 'attention', '<usize>(ith * QUERIES)', '<usize>(0 * QUERIES)'],
  ]),
  ...faultsOf('assembly/activations.ts', 'shares', [
    [
      'activateBackward',
      'the last group of a share is dropped',
      'activateBackward',
      'shareStart(n, 16, ith + 1, nth)',
      'shareStart(n, 16, ith + 1, nth) - (ith + 1 < nth ? 16 : 0)',
    ],
  ]),
  ...faultsOf('assembly/rows.ts', 'shares', [
    [
      'scaleRowsBackward',
      'the last row of a share is dropped',
      'scaleRowsBackward',
      'shareStart(rows, 1, ith + 1, nth)',
      'shareStart(rows, 1, ith + 1, nth) - (ith + 1 < nth ? 1 : 0)',
    ],
  ]),
  ...faultsOf('assembly/route.ts', 'shares', [
    [
      'route',
      'the last token of a share is dropped',
      'route',
      'shareStart(tokens, 1, ith + 1, nth)',
      'shareStart(tokens, 1, ith + 1, nth) - (ith + 1 < nth ? 1 : 0)',
    ],
  ]),
  ...faultsOf('assembly/slots.ts', 'shares', [
    [
      'combine',
      'the last places of a share are dropped',
      'invertOrder',
      'shareStart(slots, 16, ith + 1, nth)',
      'shareStart(slots, 16, ith + 1, nth) - (ith + 1 < nth ? 16 : 0)',
    ],
    [
      'combine',
      'the last token of a share is dropped',
      'combine',
      'shareStart(tokens, 1, ith + 1, nth)',
      'shareStart(tokens, 1, ith + 1, nth) - (ith + 1 < nth ? 1 : 0)',
    ],
    [
      'combineBackward',
      'the last slot of a share is dropped',
      'combineBackward',
      'shareStart(slots, 1, ith + 1, nth)',
      'shareStart(slots, 1, ith + 1, nth) - (ith + 1 < nth ? 1 : 0)',
    ],
  ]),
  ...faultsOf('assembly/grouped.ts', 'shares', [
    ['groupedMatmulNT', 'all threads take the share of the first', '', '0, ith, nth', '0, 0, nth'],
  ]),
  ...faultsOf('assembly/images.ts', 'shares', [
    [
      'fold',
      'the last pixel of a share is dropped',
      'fold',
      'shareStart(pixels, 1, ith + 1, nth)',
      'shareStart(pixels, 1, ith + 1, nth) - (ith + 1 < nth ? 1 : 0)',
    ],
    [
      'maxPool',
      'the last window of a share is dropped',
      'maxPool',
      'shareStart(windows, 1, ith + 1, nth)',
      'shareStart(windows, 1, ith + 1, nth) - (ith + 1 < nth ? 1 : 0)',
    ],
  ]),
  ...faultsOf('assembly/mean.ts', 'shares', [
    [
      'meanRows',
      'the last run of a share is dropped',
      'meanRows',
      'shareStart(runs, 1, ith + 1, nth)',
      'shareStart(runs, 1, ith + 1, nth) - (ith + 1 < nth ? 1 : 0)',
    ],
  ]),
  ...faultsOf('assembly/energy.ts', 'shares', [
    [
      'columnEnergy',
      'the last columns of a share are dropped',
      'columnEnergy',
      'shareStart(n, 16, ith + 1, nth)',
      'shareStart(n, 16, ith + 1, nth) - (ith + 1 < nth ? 16 : 0)',
    ],
  ]),
  ...faultsOf('assembly/sketch.ts', 'shares', [
    [
      'sketch',
      'a row of a share is dropped',
      'sketchRows',
      'shareStart(rows, 8, ith, nth)',
      '(shareStart(rows, 8, ith, nth) + (ith > 0 ? 1 : 0))',
    ],
    [
      'sketchHead',
      'the last token of a share is dropped',
      'sketchHeadTokens',
      'shareStart(tokens, PAIR, ith + 1, nth)',
      'shareStart(tokens, PAIR, ith + 1, nth) - (ith + 1 < nth ? 1 : 0)',
    ],
  ]),
];
