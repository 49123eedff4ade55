import { checkpoint, type WorkOptions } from '../../../core/progress.ts';
import type { Kernels } from '../../../kernels/contract.ts';
import type { Model, ModelTensor } from '../../../model/types.ts';
import {
  allocateActivations,
  type Batch,
  type BlockActivations,
  type BlockWeights,
  blockForward,
  blockTensorNames,
  freeActivations,
  freeBlock,
  loadBlock,
  ropeTable,
} from '../../../run/block.ts';
import { embed } from '../../../run/forward.ts';
import { allocateGradients, type BlockGradients, blockBackward } from '../../backward.ts';
import { LINEARS } from '../../block.ts';
import { sampleUniform } from '../../labels.ts';
import type { TokenBatch } from '../../plan.ts';
import { headGradients } from './head.ts';

/** Whose log-probability is differentiated: labels drawn from the model's own predictions, or the text's next tokens. */
export type Labels = 'sampled' | 'text';

/** One matrix at work on some whole sequences. Arrays lie in the backend's memory and are valid during the visit. */
export interface Layer {
  readonly tensor: ModelTensor;
  readonly use: 'linear' | 'head' | 'lookup';
  /** Number of each sequence. */
  readonly order: readonly number[];
  readonly length: number;
  /** Outputs per token. */
  readonly width: number;
  /** Gradients at the outputs, [tokens, width]. */
  readonly gradients: Readonly<Record<Labels, Float32Array | undefined>>;
  /** Inputs [tokens, columns]; a look-up has none. */
  readonly inputs: Float32Array | undefined;
  /** [rows, columns] */
  readonly weight: Float32Array;
  /** Ids of the tokens looked up. */
  readonly ids: Int32Array;
  /** y = x·Wᵀ for any matrix of W's shape: outputs of W, changes by δW. The caller frees it. [tokens, width] */
  outputs(matrix: Float32Array): Float32Array;
}

export interface LayerPassOptions extends WorkOptions {
  readonly seed: number;
  readonly labels: readonly Labels[];
  /** Called with every block before its matrices are visited. */
  readonly visitBlock?: (block: VisitedBlock) => void;
}

/** One block on all sequences, with what its passes left; arrays lie in the backend's memory and are valid during the visit. */
export interface VisitedBlock {
  readonly layer: number;
  readonly batch: Batch;
  readonly kept: BlockActivations;
  readonly gradients: ReadonlyMap<Labels, BlockGradients>;
}

/** Called with one layer after the other, last to first. */
export type VisitLayer = (layer: Layer) => Promise<void>;

/**
 * Runs the text forwards and backwards and shows every use of every matrix with inputs and gradients. All tokens are in
 * memory at once: it is for a few thousand of them.
 * @param tokens [sequences, length]
 */
export async function visitLayers(
  kernels: Kernels,
  model: Model,
  tokens: TokenBatch,
  options: LayerPassOptions,
  visit: VisitLayer,
): Promise<void> {
  const { config } = model;
  const count = tokens.sequences * tokens.length;
  const order = Array.from({ length: tokens.sequences }, (_, s) => s);
  const boundaries: Float32Array[] = [await embed(model, tokens.ids)];
  const table = kernels.upload(ropeTable(config, tokens.length));
  const positions = kernels.i32(count);
  for (let t = 0; t < count; t++) positions[t] = t % tokens.length;
  const batch: Batch = { sequences: tokens.sequences, length: tokens.length, positions, ropeTable: table };
  const context = { kernels, model, tokens, order, batch, options, visit };
  try {
    for (let layer = 0; layer < config.layers; layer++) boundaries.push(await forward(context, layer, boundaries));
    const gradients = await headGradients(context, boundaries[config.layers]);
    for (let layer = config.layers - 1; layer >= 0; layer--) {
      await backward(context, layer, boundaries[layer], gradients);
      options.onProgress?.({ stage: 'scoring', done: config.layers - layer, total: config.layers, unit: 'blocks' });
    }
    await lookup(context, gradients);
  } finally {
    kernels.free(table, positions);
  }
}

export interface PassContext {
  readonly kernels: Kernels;
  readonly model: Model;
  readonly tokens: TokenBatch;
  readonly order: readonly number[];
  readonly batch: Batch;
  readonly options: LayerPassOptions;
  readonly visit: VisitLayer;
}

/** Gradient of Σ log p(label) at a block boundary for each kind of labels, [tokens, hidden] in JS memory. */
export type BoundaryGradients = Map<Labels, Float32Array>;

async function forward(
  { kernels, model, batch, options }: PassContext,
  layer: number,
  boundaries: Float32Array[],
): Promise<Float32Array> {
  await checkpoint(options.signal);
  const weights = await loadBlock(kernels, model, layer);
  try {
    return kernels.scope(() => {
      const x = kernels.upload(boundaries[layer]);
      blockForward(kernels, model.config, weights, x, batch);
      return new Float32Array(x);
    });
  } finally {
    freeBlock(kernels, weights);
  }
}

async function backward(context: PassContext, layer: number, input: Float32Array, gradients: BoundaryGradients) {
  const { kernels, model, tokens, batch, options } = context;
  const { config } = model;
  await checkpoint(options.signal);
  const count = tokens.ids.length;
  const weights = await loadBlock(kernels, model, layer);
  const qkNorm = weights.qNorm !== undefined;
  const kept = allocateActivations(kernels, config, count, qkNorm);
  const made = new Map(options.labels.map((labels) => [labels, allocateGradients(kernels, config, count, qkNorm)]));
  try {
    kernels.scope(() => {
      const x = kernels.upload(input);
      blockForward(kernels, config, weights, kernels.upload(input), batch, kept);
      for (const [labels, d] of made) {
        d.down.set(gradients.get(labels)!);
        blockBackward(kernels, config, weights, x, batch, kept, d);
        gradients.set(labels, new Float32Array(d.input));
      }
    });
    options.visitBlock?.({ layer, batch, kept, gradients: made });
    for (const [name, from] of LINEARS) {
      const tensor = model.tensors.get(`blk.${layer}.${blockTensorNames[name]}`)!;
      const gradient = (labels: Labels) => made.get(labels)?.[name];
      await context.visit(linearLayer(context, tensor, weights[name] as Float32Array, kept[from], gradient));
    }
  } finally {
    freeActivations(kernels, kept);
    for (const d of made.values()) kernels.free(...(Object.values(d) as Float32Array[]));
    freeBlock(kernels, weights as Partial<BlockWeights>);
  }
}

function linearLayer(
  { kernels, tokens, order }: PassContext,
  tensor: ModelTensor,
  weight: Float32Array,
  inputs: Float32Array,
  gradient: (labels: Labels) => BlockGradients['q'] | undefined,
): Layer {
  const [rows, columns] = tensor.shape;
  return {
    tensor,
    use: 'linear',
    order,
    length: tokens.length,
    width: rows,
    gradients: { sampled: gradient('sampled'), text: gradient('text') },
    inputs,
    weight,
    ids: tokens.ids,
    outputs: (matrix) => products(kernels, inputs, matrix, rows, columns),
  };
}

/** x·Wᵀ in a new array of the backend's memory. @param matrix in JS memory */
export function products(
  kernels: Kernels,
  inputs: Float32Array,
  matrix: Float32Array,
  rows: number,
  columns: number,
): Float32Array {
  const tokens = inputs.length / columns;
  const outputs = kernels.f32(tokens * rows);
  kernels.scope(() => kernels.matmulNT(inputs, kernels.upload(matrix), outputs, tokens, rows, columns));
  return outputs;
}

/** The embedding as a table: outputs are rows. */
async function lookup({ kernels, model, tokens, order, visit }: PassContext, gradients: BoundaryGradients) {
  const tensor = model.tensors.get('token_embd.weight')!;
  const columns = tensor.shape[1];
  await visit({
    tensor,
    use: 'lookup',
    order,
    length: tokens.length,
    width: columns,
    gradients: { sampled: gradients.get('sampled'), text: gradients.get('text') },
    inputs: undefined,
    weight: await tensor.load(),
    ids: tokens.ids,
    outputs: (matrix) => {
      const rows = kernels.f32(tokens.ids.length * columns);
      for (const [t, id] of tokens.ids.entries())
        rows.set(matrix.subarray(id * columns, (id + 1) * columns), t * columns);
      return rows;
    },
  });
}

/** Uniform numbers that draw the labels, one per token. */
export function labelDraws({ tokens, order, options }: PassContext): Float32Array {
  return sampleUniform(options.seed, order, tokens.length);
}
