import { faultsOf } from './types.ts';

/** In the definitions: differences, or a result by hand, must tell. */
export const definitionsFaults = [
  ...faultsOf('src/kernels/reference/attention.ts', 'attention', [
    [
      'attentionBackward',
      'definition: the slope of the cap is dropped',
      'capSlope',
      '1 - Math.tanh(score / softcap) ** 2',
      '1',
    ],
    ['attentionBackward', 'definition: the mean is dropped', '', '(dp[other] - mean)', 'dp[other]'],
  ]),
  ...faultsOf('src/kernels/reference/elements.ts', 'elements', [
    ['activateBackward', 'definition: the cube is not derived', '', '3 * CUBIC', 'CUBIC'],
  ]),
  ...faultsOf('src/kernels/reference/experts.ts', 'experts', [
    ['routeBackward', 'definition: the mean is dropped', '', '(isShared || normalize ? mean : 0)', '0'],
  ]),
];
