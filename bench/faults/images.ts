import { faultsOf } from './types.ts';

export const imagesFaults = [
  ...faultsOf('assembly/images.ts', 'images', [
    ['unfold', 'padding on the left is left as it was', 'unfold', 'memory.fill(to, 0, <usize>skipped * pixel);', ''],
    ['unfold', 'padding above is left as it was', 'unfold', 'memory.fill(to, 0, line);', ''],
    ['unfold', 'windows begin inside the image', 'unfold', 'outHeight) * stride - padding', 'outHeight) * stride'],
    ['fold', 'the first window of a pixel is dropped', 'firstWindow', 'kernel + stride', 'kernel + stride + 1'],
    ['fold', 'the last window of a pixel is dropped', 'fold', 'row / stride + 1', 'row / stride'],
    ['maxPool', 'nothing is less than zero', 'maxPool', 'let best = vsplat(-Infinity)', 'let best = vsplat(0)'],
    ['maxPool', 'the last row of windows is dropped', 'maxPool', 'top + kernel)', 'top + kernel - 1)'],
    ['maxPoolBackward', 'of equal values the last gets the gradient', 'largestPixel', 'value > most', 'value >= most'],
    [
      'maxPoolBackward',
      'dx is not reset',
      'maxPoolBackward',
      'memory.fill(dx + pixels + <usize>at * <usize>channels * 4, 0, <usize>count << 2);',
      '',
    ],
    [
      'maxPoolBackward',
      'overlapping windows overwrite',
      'maxPoolBackward',
      'load<f32>(to) + load<f32>(gradients + c)',
      'load<f32>(gradients + c)',
    ],
  ]),
  ...faultsOf('assembly/mean.ts', 'rows', [
    ['meanRows', 'sums are not divided', 'meanRows', 'pdiv(sum, psplat(count))', 'sum'],
    ['meanRows', 'runs overlap', 'meanRows', '<usize>run * <usize>count * row', '<usize>run * row'],
    ['meanRowsBackward', 'rows are taken in turn', 'meanRowsBackward', 'row / count', 'row % count'],
  ]),
  ...faultsOf('assembly/bits.ts', 'rows', [
    ['roundToBits', 'halves go down', '', 'f64 = 0.49999999999999994', 'f64 = 0.5'],
    ['roundToBits', 'zeros lose their sign', 'nearestCode', 'psigned(pabs(code), x)', 'code'],
    ['roundToBits', 'zero is divided by', 'roundToBits', 'if (scale == 0)', 'if (scale < 0)'],
    ['roundToBits', 'one value of a group is not looked at', 'largest', 'i < n;', 'i < n - LANES;'],
  ]),
];
