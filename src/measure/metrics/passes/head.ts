import { checkpoint } from '../../../core/progress.ts';
import type { ModelTensor } from '../../../model/types.ts';
import { headTensor } from '../../../run/forward.ts';
import { type BoundaryGradients, type Labels, type Layer, labelDraws, type PassContext, products } from './layers.ts';

/** Logits in memory at once. */
const LOGITS = 16 * 2 ** 20;

/** Visits the output head, some whole sequences at a time, and returns the gradients at the input of the final norm. */
export async function headGradients(context: PassContext, states: Float32Array): Promise<BoundaryGradients> {
  const { kernels, model, tokens, options } = context;
  const { hidden, vocabulary } = model.config;
  const gradients: BoundaryGradients = new Map(
    options.labels.map((labels) => [labels, new Float32Array(tokens.ids.length * hidden)]),
  );
  const tensor = headTensor(model);
  const gain = kernels.upload(await model.tensors.get('output_norm.weight')!.load());
  const weight = kernels.upload(await tensor.load());
  const step = Math.max(1, Math.floor(LOGITS / vocabulary / tokens.length));
  try {
    for (let first = 0; first < tokens.sequences; first += step) {
      await checkpoint(options.signal);
      const part = { first, last: Math.min(first + step, tokens.sequences), gain, weight };
      await headPart(context, tensor, states, part, gradients);
    }
  } finally {
    kernels.free(gain, weight);
  }
  return gradients;
}

interface HeadPart {
  /** Sequences [first, last). */
  readonly first: number;
  readonly last: number;
  readonly gain: Float32Array;
  readonly weight: Float32Array;
}

async function headPart(
  context: PassContext,
  tensor: ModelTensor,
  states: Float32Array,
  { first, last, gain, weight }: HeadPart,
  gradients: BoundaryGradients,
): Promise<void> {
  const { kernels, model, tokens, order, options, visit } = context;
  const { hidden, vocabulary, normEpsilon } = model.config;
  const [from, to] = [first * tokens.length, last * tokens.length];
  const count = to - from;
  const x = kernels.upload(states.subarray(from * hidden, to * hidden));
  const normed = kernels.f32(count * hidden);
  kernels.rmsNorm(x, gain, normed, hidden, normEpsilon);
  const scores = new Map<Labels, Float32Array>();
  for (const labels of options.labels) {
    const logits = kernels.f32(count * vocabulary);
    kernels.matmulNT(normed, weight, logits, count, vocabulary, hidden);
    if (labels === 'sampled') sampledGradient(context, logits, from, to);
    else textGradient(context, logits, from, to);
    kernels.scope(() => {
      const normedGradient = kernels.f32(count * hidden);
      const gradient = kernels.f32(count * hidden);
      kernels.matmulNN(logits, weight, normedGradient, count, hidden, vocabulary);
      kernels.rmsNormBackward(x, gain, normedGradient, gradient, hidden, normEpsilon);
      gradients.get(labels)!.set(gradient, from * hidden);
    });
    scores.set(labels, logits);
  }
  const layer: Layer = {
    tensor,
    use: 'head',
    order: order.slice(first, last),
    length: tokens.length,
    width: vocabulary,
    gradients: { sampled: scores.get('sampled'), text: scores.get('text') },
    inputs: normed,
    weight,
    ids: tokens.ids.subarray(from, to),
    outputs: (matrix) => products(kernels, normed, matrix, vocabulary, hidden),
  };
  try {
    await visit(layer);
  } finally {
    kernels.free(x, normed, ...scores.values());
  }
}

/** logits → onehot(ŷ) − p. */
function sampledGradient(context: PassContext, logits: Float32Array, from: number, to: number): void {
  const { kernels, model } = context;
  kernels.scope(() => {
    const uniform = kernels.upload(labelDraws(context).subarray(from, to));
    kernels.sampledScore(logits, uniform, kernels.f32(to - from), undefined, model.config.vocabulary);
  });
}

/** logits → onehot(next token) − p; the last token of a sequence has no label and no gradient. */
function textGradient({ kernels, model, tokens }: PassContext, logits: Float32Array, from: number, to: number): void {
  const { vocabulary } = model.config;
  kernels.logSoftmax(logits, vocabulary);
  for (let t = from; t < to; t++) {
    const row = logits.subarray((t - from) * vocabulary, (t - from + 1) * vocabulary);
    if (t % tokens.length === tokens.length - 1) {
      row.fill(0);
      continue;
    }
    for (let i = 0; i < vocabulary; i++) row[i] = -Math.exp(row[i]);
    row[tokens.ids[t + 1]] += 1;
  }
}
