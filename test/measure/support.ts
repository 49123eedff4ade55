import type { Random } from '../../src/core/random.ts';
import type { Kernels } from '../../src/kernels/contract.ts';
import { architectureByName } from '../../src/model/architecture.ts';
import type { Model, ModelConfig, ModelTensor, TensorRole } from '../../src/model/types.ts';
import { type BlockWeights, blockTensorNames, completeBlock } from '../../src/run/block.ts';

/** A model small enough to be differentiated by hand, with grouped-query attention. */
export const smallConfig: ModelConfig = {
  architecture: 'llama',
  layers: 2,
  hidden: 16,
  feedForward: 24,
  heads: 4,
  kvHeads: 2,
  headDim: 4,
  vocabulary: 20,
  contextLength: 32,
  normEpsilon: 1e-5,
  rope: { theta: 100, dimensions: 4, style: 'interleaved' },
  tied: false,
};

export function normals(random: Random, length: number, scale: number): Float32Array {
  return Float32Array.from({ length }, () => scale * random.normal());
}

/** Values of every tensor by GGUF name, with QK-norm and biases when asked for. */
export function randomTensors(
  config: ModelConfig,
  random: Random,
  extras: { qkNorm?: boolean; bias?: boolean } = {},
): Map<string, { shape: number[]; values: Float32Array }> {
  const { hidden, feedForward, heads, kvHeads, headDim, vocabulary } = config;
  const tensors = new Map<string, { shape: number[]; values: Float32Array }>();
  const matrix = (name: string, rows: number, columns: number): void =>
    void tensors.set(name, { shape: [rows, columns], values: normals(random, rows * columns, 1 / Math.sqrt(columns)) });
  const vector = (name: string, length: number, mean: number): void =>
    void tensors.set(name, { shape: [length], values: normals(random, length, 0.2).map((value) => value + mean) });
  matrix('token_embd.weight', vocabulary, hidden);
  for (let layer = 0; layer < config.layers; layer++) {
    const name = (key: keyof BlockWeights): string => `blk.${layer}.${blockTensorNames[key]}`;
    vector(name('attnNorm'), hidden, 1);
    vector(name('ffnNorm'), hidden, 1);
    matrix(name('q'), heads * headDim, hidden);
    matrix(name('k'), kvHeads * headDim, hidden);
    matrix(name('v'), kvHeads * headDim, hidden);
    matrix(name('o'), hidden, heads * headDim);
    matrix(name('gate'), feedForward, hidden);
    matrix(name('up'), feedForward, hidden);
    matrix(name('down'), hidden, feedForward);
    if (extras.qkNorm) for (const key of ['qNorm', 'kNorm'] as const) vector(name(key), headDim, 1);
    if (extras.bias) {
      vector(name('qBias'), heads * headDim, 0);
      vector(name('kBias'), kvHeads * headDim, 0);
      vector(name('vBias'), kvHeads * headDim, 0);
    }
  }
  vector('output_norm.weight', hidden, 1);
  if (!config.tied) matrix('output.weight', vocabulary, hidden);
  return tensors;
}

/** A model over arrays. Reads the arrays anew on every load, so that a test may change them. */
export function modelOf(
  config: ModelConfig,
  values: ReadonlyMap<string, { shape: number[]; values: Float32Array }>,
  fingerprint = 'random model',
): Model {
  const tensors = new Map<string, ModelTensor>();
  for (const [name, tensor] of values) {
    const columns = tensor.shape[1] ?? 1;
    tensors.set(name, {
      name,
      role: name
        .replace(/^blk\.\d+\./, '')
        .replace(/\.weight$/, '')
        .replace('.bias', '_bias') as TensorRole,
      layer: Number(/^blk\.(\d+)/.exec(name)?.[1] ?? -1),
      shape: tensor.shape,
      format: 'F32',
      load: async (start = 0, end = tensor.shape[0]) => tensor.values.slice(start * columns, end * columns),
    });
  }
  return {
    config,
    graph: architectureByName(config.architecture, 'test').graph(config),
    tensors,
    tokenizer: {
      vocabularySize: config.vocabulary,
      stop: [],
      addBos: false,
      encode: () => new Int32Array(0),
      decode: () => '',
      tokenBytes: () => new Uint8Array(0),
      toGguf: () => new Map(),
    },
    metadata: new Map(),
    fingerprint: async () => fingerprint,
    close: async () => {},
  };
}

/** Block 0 of `randomTensors` in the backend's memory. */
export function blockOf(kernels: Kernels, values: ReadonlyMap<string, { values: Float32Array }>): BlockWeights {
  const weights: Partial<Record<keyof BlockWeights, Float32Array>> = {};
  for (const key of Object.keys(blockTensorNames) as (keyof BlockWeights)[]) {
    const tensor = values.get(`blk.0.${blockTensorNames[key]}`);
    if (tensor) weights[key] = kernels.upload(tensor.values);
  }
  return completeBlock(weights, 0);
}

/** |a − b| / |b| in the Euclidean norm. */
export function relativeDistance(a: Float32Array, b: Float32Array): number {
  let distance = 0;
  let norm = 0;
  for (let i = 0; i < b.length; i++) {
    distance += (a[i] - b[i]) ** 2;
    norm += b[i] ** 2;
  }
  return Math.sqrt(distance / norm);
}
