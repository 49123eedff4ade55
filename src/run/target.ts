import type { StateFormat, Target } from '../graph/types.ts';
import type { Device } from '../kernels/device.ts';
import { bitsOf, edgeOf } from '../model/edge-options.ts';
import { isMatrix } from '../model/matrices.ts';
import type { Network } from '../model/types.ts';
import { format, rowBytes } from '../numeric/table.ts';

/** Whole sequences in float32, with what the model says of edges and states: for evaluating. */
export function wholeTarget(model: Network): Target {
  return { states: 'whole', inputBits: inputBits(model), stateFormat: stateFormat(model) };
}

/**
 * Decoding: states grow, and weights are multiplied from their blocks where the device can.
 * @param exact all weights as float32
 */
export function streamTarget(model: Network, device: Pick<Device, 'supportsPacked'>, exact: boolean): Target {
  const packed = (name: string): string | undefined => {
    const tensor = model.tensors.get(name);
    if (exact || tensor === undefined || !isMatrix(tensor) || !tensor.loadBlocks) return undefined;
    return device.supportsPacked(tensor.format) ? tensor.format : undefined;
  };
  return { states: 'stream', packed, inputBits: inputBits(model), stateFormat: stateFormat(model) };
}

/** Encoding: whole texts, weights multiplied from their blocks where the device can. @param exact all weights as float32 */
export function encodingTarget(model: Network, device: Pick<Device, 'supportsPacked'>, exact: boolean): Target {
  return { ...streamTarget(model, device, exact), states: 'whole' };
}

function inputBits({ roundings }: Network): Target['inputBits'] {
  return (
    roundings &&
    ((tensor) => {
      const option = roundings.get(edgeOf(tensor));
      return option === undefined ? undefined : bitsOf(option, edgeOf(tensor));
    })
  );
}

function stateFormat({ roundings }: Network): Target['stateFormat'] {
  return (
    roundings &&
    ((state) => {
      const name = roundings.get(state);
      return name === undefined || name === 'F32' ? undefined : formatOf(name);
    })
  );
}

function formatOf(name: string): StateFormat {
  return { name, rowBytes: (width) => rowBytes(format(name), width) };
}
