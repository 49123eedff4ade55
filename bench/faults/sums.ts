import { faultsOf } from './types.ts';

export const sumsFaults = [
  ...faultsOf('assembly/energy.ts', 'sums', [
    ['columnEnergy', 'the rest of the rows is dropped', 'columnEnergy', 'tokens - t,', '0,'],
    ['columnEnergy', 'sums are reset', 'columnEnergy', 'let sum = pload(to)', 'let sum = psplat(0)'],
    ['columnEnergy', 'two rows change places', 'columnEnergy', 'at + row)', 'at + 2 * row)'],
    ['rowEnergy', 'two chains take the same tokens', 'rowEnergy', 'at + 2 * next', 'at + 3 * next'],
    ['rowEnergy', 'the last tokens are dropped', 'rowEnergy', 'for (; t < end; t++)', 'for (; t < end - 1; t++)'],
  ]),
  ...faultsOf('assembly/sketch.ts', 'sums', [
    [
      'sketch',
      'sums by rows are not reset',
      'sketchRows',
      'memory.fill(sums + (<usize>first << 3), 0, <usize>(end - first) << 3);',
      '',
    ],
    ['sketch', 'the stride is dropped', 'sketchRows', '<usize>stride << 2', '4'],
    ['sketch', 'products are not squared', 'sketchTokens', 'pmul(p, p)', 'p'],
    ['sketch', 'totals are not squared', 'addSketch', 'total * total', 'total'],
    ['sketchHead', 'labels are not told apart', 'sketchHeadTokens', 'psub(one, gradient)', 'psub(zero, gradient)'],
    ['sketchHead', 'the square of the mean is dropped', 'sketchHeadTokens', 'psub(square, pmul(mean, mean))', 'square'],
    [
      'sketchHead',
      'sums are reset',
      'addSketchHead',
      'load<f64>(squares + at) + load<f64>(token, 8)',
      'load<f64>(token, 8)',
    ],
  ]),
];
