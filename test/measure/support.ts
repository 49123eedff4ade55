import type { Random } from '../../src/core/random.ts';
import { referencePerturbation } from '../../src/measure/sketch.ts';
import { architectureByName } from '../../src/model/architecture.ts';
import type { Model, ModelConfig, ModelTensor, TensorRole } from '../../src/model/types.ts';

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
    const name = (suffix: string): string => `blk.${layer}.${suffix}`;
    vector(name('attn_norm.weight'), hidden, 1);
    vector(name('ffn_norm.weight'), hidden, 1);
    matrix(name('attn_q.weight'), heads * headDim, hidden);
    matrix(name('attn_k.weight'), kvHeads * headDim, hidden);
    matrix(name('attn_v.weight'), kvHeads * headDim, hidden);
    matrix(name('attn_output.weight'), hidden, heads * headDim);
    matrix(name('ffn_gate.weight'), feedForward, hidden);
    matrix(name('ffn_up.weight'), feedForward, hidden);
    matrix(name('ffn_down.weight'), hidden, feedForward);
    if (extras.qkNorm) for (const kind of ['q', 'k']) vector(name(`attn_${kind}_norm.weight`), headDim, 1);
    if (extras.bias) {
      vector(name('attn_q.bias'), heads * headDim, 0);
      vector(name('attn_k.bias'), kvHeads * headDim, 0);
      vector(name('attn_v.bias'), kvHeads * headDim, 0);
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

/** The δW that a matrix's sketch speaks of, as a full matrix: the reference perturbation of every `stride`-th row. */
export function perturbationOf(matrix: Float32Array, columns: number, stride: number): Float32Array {
  const full = new Float32Array(matrix.length);
  for (let from = 0; from < matrix.length; from += stride * columns) {
    const { delta } = referencePerturbation(matrix.slice(from, from + columns), columns, stride);
    full.set(delta, from);
  }
  return full;
}

/** |a − b| / |b| in the Euclidean norm. */
export function relativeDistance(a: ArrayLike<number>, b: ArrayLike<number>): number {
  let distance = 0;
  let norm = 0;
  for (let i = 0; i < b.length; i++) {
    distance += (a[i] - b[i]) ** 2;
    norm += b[i] ** 2;
  }
  return Math.sqrt(distance / norm);
}
