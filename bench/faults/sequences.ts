import { faultsOf } from './types.ts';

export const sequencesFaults = [
  ...faultsOf('assembly/convolution.ts', 'sequences', [
    ['shortConv', 'a state is read at the start', 'shortConv', 'fresh ? 0 : state', 'state'],
    ['shortConv', 'the state lags by a token', 'rowOf', 'token + taps - 1', 'token + taps - 2'],
    ['shortConv', 'the newest token is not kept', 'keepLast', 'length - taps + 1 + row', 'length - taps + row'],
    ['shortConv', 'weights of one channel serve all', 'turnWeights', 'tap * CHANNELS + c', 'tap * CHANNELS'],
  ]),
  ...faultsOf('assembly/recurrence.ts', 'sequences', [
    ['linearAttention', 'a state is kept from before the start', 'linearAttention', 'if (fresh)', 'if (false)'],
    [
      'linearAttention',
      'nothing fades',
      'step',
      'vmul(kept, vloadPart(s + at, n - i, 0))',
      'vloadPart(s + at, n - i, 0)',
    ],
    ['linearAttention', 'what is held is not taken off', 'left', 'return delta ?', 'return false ?'],
    ['linearAttention', 'heads in turns are in order', 'keyHead', 'tiled ?', 'false ?'],
    ['linearAttention', 'the factor is dropped', 'linearAttention', 'scale * step(', 'step('],
  ]),
];
