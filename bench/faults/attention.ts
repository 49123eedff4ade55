import { faultsOf } from './types.ts';

export const attentionFaults = [
  ...faultsOf('assembly/attention.ts', 'attention', [
    ['attention', 'windows see one key more', 'firstKey', 'position - window + 1', 'position - window'],
    ['attention', 'no mask: windows end one key early', 'endKey', 'position + window', 'position + window - 1'],
    ['attention', 'scores before a window are left', 'clearOutside', 'memory.fill(x, 0, <usize>from * 4);', ''],
    ['attention', 'the cap is not multiplied back', 'capRow', 'vmul(tangent, vsplat(cap))', 'tangent'],
    ['attention', 'sums of weights are not inverted', 'softmaxRow', '(1 / dsum(sum))', '(dsum(sum))'],
    ['attention', 'the window begins a key late in products', 'attention', 'window + 1 - from', 'window + 2 - from'],
    ['attentionBackward', 'the slope of the cap is dropped', 'capBackwardRow', 'vmul(tangent, tangent)', 'vsplat(0)'],
    ['attentionBackward', 'dk is not reset', 'attentionBackward', 'memory.fill(dk + at, 0, <usize>headDim * 4);', ''],
    ['attentionBackward', 'dv is not reset', 'attentionBackward', 'memory.fill(dv + at, 0, <usize>headDim * 4);', ''],
    ['attentionBackward', 'the mean has the wrong sign', 'softmaxBackwardRow', '<f32>dsum(sum)', '<f32>-dsum(sum)'],
    ['attentionBackward', 'dv starts at the first key', 'headBackward', 'dv + key', 'dv'],
    ['attentionBackward', 'the scale is dropped', 'softmaxBackwardRow', 'vsplat(scale)', 'vsplat(1)'],
  ]),
  ...faultsOf('assembly/gemm.ts', 'attention', [
    ['attention', 'starts of columns ignore the strip', 'gemm', 'columnStart + i - j', 'columnStart + i'],
    ['attention', 'starts of steps ignore the pass', 'gemm', 'stepStart + i - l', 'stepStart + i'],
  ]),
];
