import { Random } from '../../src/core/random.ts';
import { differentiate, gradientName } from '../../src/graph/differentiate.ts';
import { weightsOf } from '../../src/graph/segments.ts';
import type { Graph, ValueId } from '../../src/graph/types.ts';
import type { Kernels } from '../../src/kernels/contract.ts';
import { countOf } from '../../src/kernels/program.ts';
import type { ModelTensor, Network } from '../../src/model/types.ts';
import { SharedMemory } from '../../src/run/memory.ts';
import { RunningProgram } from '../../src/run/program.ts';
import { type Sequences, sizesOf } from '../../src/run/sequences.ts';

export type Weights = Map<string, { readonly shape: readonly number[]; readonly values: Float32Array }>;

/** Random weights: matrices by He et al. (2015), gains and variances 1, biases and means 0. */
export function randomWeights(graph: Graph, seed: number): Weights {
  const random = new Random(seed);
  const weights: Weights = new Map();
  for (const name of weightsOf(graph)) {
    const value = graph.values.find((each) => each.source === 'weight' && each.tensor === name)!;
    const shape = value.shape as number[];
    const one = /(gain|variance|norm\.weight)$/.test(name) ? 1 : 0;
    const scale = shape.length > 1 ? Math.sqrt(2 / shape[1]) : 0;
    const values = Float32Array.from({ length: countOf(shape, {}) }, () => one + scale * random.normal());
    weights.set(name, { shape, values });
  }
  return weights;
}

/** A network over arrays. */
export function networkOf(graph: Graph, weights: Weights, fingerprint: string): Network {
  const tensors = new Map<string, ModelTensor>();
  for (const [name, { shape, values }] of weights) {
    const columns = shape[1] ?? 1;
    const load = async (start = 0, end = shape[0]) => values.slice(start * columns, end * columns);
    tensors.set(name, { name, role: name, layer: -1, shape, format: 'F32', load });
  }
  return { graph, tensors, fingerprint: async () => fingerprint };
}

export interface TrainOptions {
  readonly sequences: Sequences;
  readonly labels: ArrayLike<number>;
  readonly epochs: number;
  readonly batch: number;
  readonly rate: number;
  readonly seed: number;
  /** Values whose last seen numbers are kept, by the name of the weight that they become. */
  readonly running?: ReadonlyMap<ValueId, string>;
}

/** Stochastic gradient descent with momentum on the cross entropy of labels; gradients are those of the graph. */
export async function train(kernels: Kernels, graph: Graph, weights: Weights, options: TrainOptions): Promise<void> {
  const { sequences, labels, epochs, batch, rate, seed, running = new Map() } = options;
  const [logits] = graph.outputs;
  const ids = new Map(weightsOf(graph).map((name) => [name, idOf(graph, name)]));
  const { graph: both, gradientOf } = differentiate(graph, [logits], [...ids.values()]);
  const memory = new SharedMemory(kernels.device);
  for (const [name] of ids) memory.set(name, weights.get(name)!.values);
  const capacities = { ...sizesOf(sequences, batch), context: sequences.length };
  const kept = [logits, ...running.keys()];
  const program = new RunningProgram(memory, both, { target: { states: 'whole' }, capacities, kept });
  const momentum = new Map([...ids.keys()].map((name) => [name, new Float32Array(weights.get(name)!.values.length)]));
  const random = new Random(seed);
  const width = graph.values[logits].shape[1] as number;
  const g = new Float32Array(batch * width);
  for (let epoch = 0; epoch < epochs; epoch++) {
    const order = shuffled(sequences.sequences, random);
    for (let from = 0; from + batch <= order.length; from += batch) {
      const chosen = order.slice(from, from + batch);
      const run = (gradient: Float32Array): void => {
        program.write('images', sequences.input('images', chosen));
        program.write(gradientName(logits), gradient);
        program.run(sizesOf(sequences, batch));
      };
      run(g.fill(0));
      await program.read(logits, g);
      toCrossEntropyGradient(g, chosen, labels, width);
      run(g);
      const step = rate * (1 + Math.cos((Math.PI * (epoch + from / order.length)) / epochs));
      for (const [name, id] of ids) {
        const gradient = new Float32Array(weights.get(name)!.values.length);
        await program.read(gradientOf(id)!, gradient);
        descend(weights.get(name)!.values, momentum.get(name)!, gradient, step);
        kernels.device.write({ buffer: memory.weight(name) }, weights.get(name)!.values);
      }
      for (const [id, name] of running) {
        const seen = new Float32Array(weights.get(name)!.values.length);
        await program.read(id, seen);
        const values = weights.get(name)!.values;
        for (let i = 0; i < seen.length; i++) values[i] += 0.1 * (seen[i] - values[i]);
      }
    }
  }
  program.close();
  memory.close();
}

function idOf({ values }: Graph, tensor: string): ValueId {
  return values.findIndex((value) => value.source === 'weight' && value.tensor === tensor);
}

function shuffled(count: number, random: Random): number[] {
  const order = Array.from({ length: count }, (_, i) => i);
  for (let i = count - 1; i > 0; i--) {
    const j = random.integer(i + 1);
    [order[i], order[j]] = [order[j], order[i]];
  }
  return order;
}

/** Logits → (softmax − onehot(label)) / rows, in place. */
function toCrossEntropyGradient(g: Float32Array, rows: readonly number[], labels: ArrayLike<number>, width: number) {
  for (const [row, example] of rows.entries()) {
    const part = g.subarray(row * width, (row + 1) * width);
    const most = part.reduce((a, b) => Math.max(a, b), -Infinity);
    const total = part.reduce((sum, logit) => sum + Math.exp(logit - most), 0);
    for (let i = 0; i < width; i++)
      part[i] = (Math.exp(part[i] - most) / total - (i === labels[example] ? 1 : 0)) / rows.length;
  }
}

function descend(values: Float32Array, momentum: Float32Array, gradient: Float32Array, step: number): void {
  for (let i = 0; i < values.length; i++) {
    momentum[i] = 0.9 * momentum[i] + gradient[i];
    values[i] -= step * momentum[i];
  }
}
