import type { Op } from '../types.ts';
import { matrixOf, textOf } from './checks.ts';

/**
 * Gradient of log p(ŷ) at logits, with ŷ drawn from p by inverse CDF: inputs logits [t, n], which are overwritten, and
 * uniform numbers [t]. Outputs onehot(ŷ) − p [t, n] and 1 − |p|² [t]. State `state`: Σ_t p, float32 [n].
 */
export const sampledScore: Op = {
  name: 'sampledScore',
  inPlace: 0,
  infer: ([logits]) => {
    const { rows } = matrixOf('sampledScore', logits);
    return [
      { type: 'f32', shape: logits!.shape },
      { type: 'f32', shape: [rows] },
    ];
  },
  lower: ({ inputs: [, uniform], outputs: [g, curvature], attributes }, lowering) => {
    const { width } = matrixOf('sampledScore', lowering.typeOf(g));
    const probability = lowering.state(textOf(attributes, 'state'), 'f32', [width]);
    return [
      {
        kernel: 'sampledScore',
        operands: [g, uniform!, curvature, probability],
        sizes: { n: width },
        attributes: {},
      },
    ];
  },
};

/** state[i] += Σ_t p_ti², float64, from g = onehot(ŷ) − p [t, n], which is positive at the label alone. */
export const probabilitySquares: Op = {
  name: 'probabilitySquares',
  infer: () => [],
  lower: ({ inputs: [g], attributes }, lowering) => {
    const { width } = matrixOf('probabilitySquares', lowering.typeOf(g!));
    const squares = lowering.state(textOf(attributes, 'state'), 'f64', [width]);
    return [{ kernel: 'probabilitySquares', operands: [g!, squares], sizes: {}, attributes: {} }];
  },
};
