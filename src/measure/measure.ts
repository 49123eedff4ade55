import { FormatError } from '../core/errors.ts';
import { checkpoint, type WorkOptions } from '../core/progress.ts';
import type { Kernels } from '../kernels/contract.ts';
import type { Model, ModelTensor } from '../model/types.ts';
import { type Batch, blockForward, freeBlock, loadBlock, ropeTable } from '../run/block.ts';
import { loadTensor } from '../run/weights.ts';
import { closeBlock, measureBlockBatch, measuredUses, openBlock } from './block.ts';
import { finishHead, finishHeadHalf, freeHead, type Head, headChunk, headChunks, openHead } from './head.ts';
import { measurementKey } from './key.ts';
import { sampleUniform } from './labels.ts';
import { embedTokens, measureLookup, type TokenRows, tokenRows } from './lookup.ts';
import { planBatches, type SequenceBatch, type TokenBatch } from './plan.ts';
import { memoryResiduals, type ResidualShape, type ResidualStore } from './residual.ts';
import type { Measurement, MeasurementKey, MeasurementStore, ResumePoint, UseMeasurement } from './types.ts';

export interface MeasureOptions extends WorkOptions {
  /** Where results go and where an interrupted measurement goes on from. */
  store: MeasurementStore;
  /** Seed of the sampled labels, default 0. */
  seed?: number;
  /** Tokens per pass, default BATCH_TOKENS; at least one sequence. */
  batchTokens?: number;
  /** Keeps the residual stream between blocks, default in memory; `residualStore` of spill.node.ts uses a file. */
  residuals?: (shape: ResidualShape) => ResidualStore;
}

/** State of one measurement. `N` tokens in processing order: even sequences, then odd ones. */
interface Work {
  readonly kernels: Kernels;
  readonly model: Model;
  readonly tokens: TokenBatch;
  readonly batches: readonly SequenceBatch[];
  readonly key: MeasurementKey;
  readonly store: MeasurementStore;
  /** Boundary l is the input of block l; boundary `layers` the output of the last. */
  readonly residuals: ResidualStore;
  readonly rope: Float32Array;
  /** Sum of log-probabilities of the sampled labels, differentiated at the boundary reached. [N, hidden] */
  readonly gradient: Float32Array;
  readonly report: (cost: number, detail: string) => Promise<void>;
}

/** Cost of one block's backward pass, factors included, in forward passes. */
const BACKWARD_COST = 4;

/**
 * Measures every matrix of the model: labels are sampled from its own predictions on the calibration tokens, and one
 * backward pass gives the factors of the KL form (docs/method.md). Streams block by block: in memory are one block, the
 * activations of a batch, its factors, and the residual stream. A finished measurement is reused, an interrupted one
 * goes on behind its last finished block.
 * @throws UsageError for fewer than two sequences; signal.reason when aborted
 */
export async function measureModel(
  kernels: Kernels,
  model: Model,
  tokens: TokenBatch,
  options: MeasureOptions,
): Promise<Measurement> {
  const batches = planBatches(tokens, options.batchTokens);
  const key = await measurementKey(kernels, model, tokens, options.seed ?? 0);
  const found = await options.store.find(key);
  if (found) return found;
  const { layers, hidden } = model.config;
  const count = tokens.sequences * tokens.length;
  const resume = await options.store.resume(key);
  const rows = await tokenRows(requireTensor(model, 'token_embd.weight'), tokens.ids);
  const shape = { boundaries: layers + 1, tokens: count, width: hidden };
  const residuals = (options.residuals ?? memoryResiduals)(shape);
  const rope = kernels.upload(ropeTable(model.config, tokens.length));
  const gradient = resume ? Float32Array.from(resume.gradient) : new Float32Array(count * hidden);
  const report = reporter(model, count, resume?.layer, options);
  const work: Work = { kernels, model, tokens, batches, key, store: options.store, residuals, rope, gradient, report };
  try {
    const from = resume?.layer ?? layers;
    await forward(work, rows, resume ? from - 1 : layers);
    const probability = resume?.probability ?? (await head(work));
    await backward(work, from, probability);
    return await options.store.finish(key, [lookup(work, rows, probability)]);
  } finally {
    kernels.free(rope);
    residuals.close();
  }
}

/** Fills the residual stream up to boundary `last`. */
async function forward(work: Work, rows: TokenRows, last: number): Promise<void> {
  const { kernels, model, tokens, batches, residuals } = work;
  const { hidden } = model.config;
  for (const plan of batches) residuals.write(0, plan.start, embedTokens(rows, tokens, plan.order, hidden));
  for (let layer = 0; layer < last; layer++) {
    const weights = await loadBlock(kernels, model, layer);
    try {
      for (const plan of batches) {
        kernels.scope(() => {
          const x = kernels.f32(plan.tokens * hidden);
          residuals.read(layer, plan.start, x);
          blockForward(kernels, model.config, weights, x, runBatch(work, plan));
          residuals.write(layer + 1, plan.start, x);
        });
        await work.report(plan.tokens, `block ${layer}, forward`);
      }
    } finally {
      freeBlock(kernels, weights);
    }
  }
}

/** Positions of a batch, in the backend's memory: call inside a scope. */
function runBatch(work: Work, plan: SequenceBatch): Batch {
  const { length } = work.tokens;
  const positions = work.kernels.i32(plan.tokens);
  for (let t = 0; t < positions.length; t++) positions[t] = t % length;
  return { sequences: plan.order.length, length, positions, ropeTable: work.rope };
}

/** Labels, the head's factors, and the gradient at the last boundary. Returns the mean predicted probability per token. */
async function head(work: Work): Promise<Float32Array> {
  const { kernels, model, tokens, batches, store, key } = work;
  const { layers, normEpsilon, tied } = model.config;
  const tensor = requireTensor(model, tied ? 'token_embd.weight' : 'output.weight');
  const norm = await loadTensor(kernels, requireTensor(model, 'output_norm.weight'));
  const opened = openHead(kernels, norm, await loadTensor(kernels, tensor), {
    tensor: tensor.name,
    normEpsilon,
    sequences: tokens.sequences,
  });
  try {
    for (const plan of batches) {
      await headBatch(work, opened, plan);
      if (plan.last) finishHeadHalf(kernels, opened);
    }
    work.residuals.drop(layers);
    const { use, probability } = finishHead(opened);
    await store.save(key, [use], { layer: layers, gradient: work.gradient, probability });
    return probability;
  } finally {
    freeHead(kernels, opened);
  }
}

async function headBatch(work: Work, opened: Head, plan: SequenceBatch): Promise<void> {
  const { kernels, model, tokens, key, residuals } = work;
  const { hidden, layers, vocabulary } = model.config;
  const labels = sampleUniform(key.seed, plan.order, tokens.length);
  for (const chunk of headChunks(plan.order, tokens.length, vocabulary)) {
    const size = chunk.to - chunk.from;
    kernels.scope(() => {
      const x = kernels.f32(size * hidden);
      residuals.read(layers, plan.start + chunk.from, x);
      const d = kernels.f32(size * hidden);
      headChunk(kernels, opened, chunk, x, kernels.upload(labels.subarray(chunk.from, chunk.to)), d);
      work.gradient.set(d, (plan.start + chunk.from) * hidden);
    });
    await work.report(size * headCost(model), 'output head');
  }
}

/** Blocks below boundary `from`, last to first; each is saved with the gradient that the next one needs. */
async function backward(work: Work, from: number, probability: Float32Array): Promise<void> {
  const { kernels, model, batches, residuals, gradient } = work;
  const { hidden } = model.config;
  for (let layer = from - 1; layer >= 0; layer--) {
    const weights = await loadBlock(kernels, model, layer);
    const block = openBlock(kernels, model.config, weights, layer, work.tokens.sequences);
    try {
      for (const plan of batches) {
        const x = new Float32Array(plan.tokens * hidden);
        residuals.read(layer, plan.start, x);
        const slice = gradient.subarray(plan.start * hidden, (plan.start + plan.tokens) * hidden);
        kernels.scope(() => measureBlockBatch(kernels, block, runBatch(work, plan), plan, x, slice));
        await work.report(plan.tokens * BACKWARD_COST, `block ${layer}, backward`);
      }
      residuals.drop(layer);
      const point: ResumePoint = { layer, gradient, probability };
      await work.store.save(work.key, measuredUses(block), point);
    } finally {
      closeBlock(kernels, block);
      freeBlock(kernels, weights);
    }
  }
}

function lookup(work: Work, rows: TokenRows, probability: Float32Array): UseMeasurement {
  const { kernels, model, tokens, batches, gradient } = work;
  const tensor = requireTensor(model, 'token_embd.weight');
  return measureLookup({ kernels, tensor, tokens, batches, rows, gradient, probability });
}

function requireTensor(model: Model, name: string): ModelTensor {
  const tensor = model.tensors.get(name);
  if (!tensor) throw new FormatError(`${name} is missing in the model`);
  return tensor;
}

/** Cost of the head per token, in forward passes of a block: product, gradient and sketch. */
function headCost({ config }: Model): number {
  const { hidden, feedForward, heads, kvHeads, headDim, vocabulary } = config;
  const block = hidden * (3 * feedForward + 2 * heads * headDim + 2 * kvHeads * headDim);
  return Math.max(1, Math.round((2.2 * vocabulary * hidden) / block));
}

/** Counts work in tokens through a block's forward pass; resumed work counts only what is left. */
function reporter(model: Model, tokens: number, resumed: number | undefined, options: WorkOptions): Work['report'] {
  const { layers } = model.config;
  const total =
    resumed === undefined
      ? tokens * (layers * (1 + BACKWARD_COST) + headCost(model))
      : tokens * (Math.max(0, resumed - 1) + resumed * BACKWARD_COST);
  let done = 0;
  return async (cost, detail) => {
    done += cost;
    options.onProgress?.({ stage: 'measuring', done, total, unit: 'block tokens', detail });
    await checkpoint(options.signal);
  };
}
