import type { Attributes, Op } from '../types.ts';
import { matrixOf, numberOf, textOf } from './checks.ts';

/*
 * What measuring sums over tokens. `state` names memory that outlives a run; whoever runs the program reads it and sets
 * it back to zero.
 */

const stateOf = (attributes: Attributes): string => textOf(attributes, 'state');

/** a[n, n] += Σ_t weight_t · x_t·x_tᵀ, float32. Inputs x [t, n], weight [t] (default 1). */
export const gram: Op = {
  name: 'gram',
  infer: () => [],
  lower: ({ inputs: [x, weight], attributes }, lowering) => {
    const { rows, width } = matrixOf('gram', lowering.typeOf(x!));
    const a = lowering.state(stateOf(attributes), 'f32', [width, width]);
    return [{ kernel: 'gram', operands: [x!, weight ?? -1, a], sizes: { t: rows, n: width }, attributes: {} }];
  },
};

/**
 * The same of layers whose tokens share their labels, as those below pooling do: products of different tokens do not cancel, so
 * a sequence counts as a whole. a[n, n] += Σ_s M_sᵀ·M_s, float32, where M_s = g_sᵀ·x_s [r, n] is the sequence's gradient at the
 * weight. Inputs x [t, n], g [t, r].
 */
export const sequenceGram: Op = {
  name: 'sequenceGram',
  infer: () => [],
  lower: ({ inputs: [x, g], attributes }, lowering) => {
    const [n, r] = [x!, g!].map((id) => matrixOf('sequenceGram', lowering.typeOf(id)).width);
    const a = lowering.state(stateOf(attributes), 'f32', [n, n]);
    const gradient = lowering.scratch('f32', [r, n]);
    return [{ kernel: 'sequenceGram', operands: [x!, g!, gradient, a], sizes: { n, r }, attributes: {} }];
  },
};

/** weight_t = Σ_i g_ti²; state[i] += Σ_t g_ti², float64. Input g [t, n]. */
export const rowEnergy: Op = {
  name: 'rowEnergy',
  infer: ([g]) => [{ type: 'f32', shape: [matrixOf('rowEnergy', g).rows] }],
  lower: ({ inputs: [g], outputs: [weight], attributes }, lowering) => {
    const { width } = matrixOf('rowEnergy', lowering.typeOf(g!));
    const energy = lowering.state(stateOf(attributes), 'f64', [width]);
    return [{ kernel: 'rowEnergy', operands: [g!, energy, weight], sizes: {}, attributes: {} }];
  },
};

/** y[i] = Σ_t x_ti², float64. */
export const columnEnergy: Op = {
  name: 'columnEnergy',
  infer: ([x]) => [{ type: 'f64', shape: [matrixOf('columnEnergy', x).width] }],
  lower: ({ inputs: [x], outputs: [y] }) => [{ kernel: 'columnEnergy', operands: [x!, y], sizes: {}, attributes: {} }],
};

/** Numbers that a sketch keeps of each sequence: inner products, squares, row products, token products. */
export const SKETCH_NUMBERS = 4;

/**
 * What changes of a layer's outputs cost, sequence by sequence, float64 [4, sequences]: inputs `change` [t, r], changes of
 * every `stride`-th output, and `g` [t, n], gradients at all outputs.
 */
export const sketch: Op = {
  name: 'sketch',
  infer: () => [{ type: 'f64', shape: [SKETCH_NUMBERS, { of: 'sequences', times: 1 }] }],
  lower: ({ inputs: [change, g], outputs: [y], attributes }, lowering) => [
    {
      kernel: attributes.output === true ? 'outputSketch' : 'sketch',
      operands: [change!, g!, y],
      sizes: {
        width: matrixOf('sketch', lowering.typeOf(g!)).width,
      },
      attributes: { stride: numberOf(attributes, 'stride') },
    },
  ],
};
