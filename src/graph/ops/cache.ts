import type { Op } from '../types.ts';
import { matrixOf, numberOf, textOf } from './checks.ts';
import { reshaped, shapeIn } from './primitives/algebra.ts';

/**
 * Rows that are kept for later tokens: `state` names them, `headDim` is what blocks of their format must not straddle.
 * In a stream the rows go behind those that the state holds, and the output is all of them as they are stored. In whole
 * sequences the output is the input as the state's format sees it.
 */
export const cache: Op = {
  name: 'cache',
  inPlace: 0,
  infer: ([rows]) => [{ type: 'f32', shape: rows!.shape }],
  lower: ({ inputs: [rows], outputs: [out], attributes }, lowering) => {
    const { target } = lowering;
    const name = textOf(attributes, 'state');
    const { width } = matrixOf('cache', lowering.typeOf(rows!));
    const stored = target.stateFormat?.(name);
    const format = stored?.name ?? 'F32';
    if (target.states === 'whole') {
      if (format === 'F32') return [];
      const headDim = numberOf(attributes, 'headDim');
      return [{ kernel: 'roundRows', operands: [out], sizes: { columns: headDim }, attributes: { format } }];
    }
    const shape = [{ of: 'context', times: 1 }, width];
    if (format === 'F32') {
      const state = lowering.state(name, 'f32', shape);
      lowering.alias(out, state);
      return [{ kernel: 'appendRows', operands: [rows!, state], sizes: { columns: width }, attributes: {} }];
    }
    const kind = textOf(attributes, 'kind');
    // One tile of floats serves all states of a kind and width, unless blocks that share a cache read it again.
    const tile = lowering.tile(`tile of ${kind}, ${width} wide`, 'f32', shape, out);
    const blocks = lowering.state(name, 'u8', [{ of: 'context', times: 1 }, stored!.rowBytes(width)]);
    lowering.alias(out, tile);
    return [
      { kernel: 'appendBlocks', operands: [rows!, blocks, tile], sizes: { columns: width }, attributes: { format } },
    ];
  },
  // A value of its own, so that gradients at what is stored are told from those at what goes in.
  expand: ({ inputs: [rows] }, build) => [reshaped(build, rows!, shapeIn(build, rows!))],
  // What a format makes of rows is taken as it is: gradients pass straight through.
  vjp: (_, [dy], build) => [(addend) => (addend === undefined ? dy! : build.node('add', [dy!, addend]))],
};
