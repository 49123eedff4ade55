import { Random } from '../../core/random.ts';
import { architectureByName } from '../../model/architecture.ts';
import { isMatrix } from '../../model/matrices.ts';
import type { Model, ModelTensor } from '../../model/types.ts';
import { decodeRows, encodeRows, fitsRows, format, rowBytes } from '../../numeric/table.ts';
import { FLOAT_KERNEL, kernelOf } from './predict.ts';

/** Values that are encoded once and repeated: a multiple of every block. */
const PATTERN = 4096;

/** Small enough for states to stay finite over many blocks, as in models at initialization. */
const DEVIATION = 0.02;

/**
 * A model of the same sizes whose matrices hold random blocks: kernels take as long for it as for the real one, and it
 * costs no reading and no rounding. Formats are by tensor; vectors are ones.
 * @param layers first blocks that it has; default all
 */
export function syntheticWeights(
  model: Model,
  formatOf: (tensor: ModelTensor) => string,
  layers = model.config.layers,
): Model {
  const patterns = new Map<string, Uint8Array>();
  const blocks = (name: string, bytes: number): Uint8Array => {
    const pattern = patterns.get(name);
    if (pattern !== undefined && pattern.length >= bytes) return pattern.subarray(0, bytes);
    const longer = repeated(pattern ?? encodedPattern(name), bytes);
    patterns.set(name, longer);
    return longer.subarray(0, bytes);
  };
  const kept = [...model.tensors.values()].filter(({ layer }) => layer < layers);
  const tensors = new Map(
    kept.map((tensor) => [
      tensor.name,
      tensor.shape.length === 2
        ? syntheticMatrix(tensor, isMatrix(tensor) ? formatOf(tensor) : 'F32', blocks)
        : ones(tensor),
    ]),
  );
  const config = { ...model.config, layers };
  const { graph } = architectureByName(config.architecture, 'model');
  return { ...model, config, graph: graph(config), tensors, close: async () => {} };
}

/** The format itself where rows fill its blocks, else one that nearly every shape takes. */
export function fittingFormat(name: string, columns: number): string {
  return [name, 'Q8_0'].find((candidate) => fitsRows(format(candidate), columns)) ?? 'F16';
}

function syntheticMatrix(
  tensor: ModelTensor,
  name: string,
  blocks: (name: string, bytes: number) => Uint8Array,
): ModelTensor {
  const [rows, columns] = tensor.shape;
  const stored = kernelOf(name) === FLOAT_KERNEL ? 'F32' : name;
  const stride = rowBytes(format(stored), columns);
  const loadBlocks = async (start = 0, end = rows): Promise<Uint8Array> => blocks(stored, (end - start) * stride);
  return {
    ...tensor,
    format: name,
    loadBlocks: stored === name ? loadBlocks : undefined,
    load: async (start = 0, end = rows) => {
      const values = new Float32Array((end - start) * columns);
      decodeRows(format(stored), await loadBlocks(start, end), columns, values);
      return values;
    },
  };
}

function ones(tensor: ModelTensor): ModelTensor {
  const [length] = tensor.shape;
  const { name, role, layer, shape } = tensor;
  return { name, role, layer, shape, format: 'F32', load: async () => new Float32Array(length).fill(1) };
}

function encodedPattern(name: string): Uint8Array {
  const random = new Random(0);
  const values = Float32Array.from({ length: PATTERN }, () => DEVIATION * random.normal());
  return encodeRows(format(name), values, PATTERN);
}

function repeated(pattern: Uint8Array, bytes: number): Uint8Array {
  const longer = new Uint8Array(Math.ceil(bytes / pattern.length) * pattern.length);
  longer.set(pattern);
  for (let filled = pattern.length; filled < longer.length; filled *= 2) longer.copyWithin(filled, 0, filled);
  return longer;
}
