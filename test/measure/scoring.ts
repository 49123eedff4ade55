import { Random } from '../../src/core/random.ts';
import { createReferenceKernels } from '../../src/kernels/reference/index.ts';
import { measureModel } from '../../src/measure/measure.ts';
import { type ScoreTask, scoreCandidates } from '../../src/measure/metrics/score.ts';
import { metricsNamed } from '../../src/measure/metrics/table.ts';
import type { Score, ScoreTable } from '../../src/measure/metrics/types.ts';
import { memoryStore } from '../../src/measure/store.ts';
import type { ModelTensor } from '../../src/model/types.ts';
import { modelOf, randomTensors, smallConfig } from './support.ts';

export const kernels = createReferenceKernels();
export const SEED = 5;
const FORMATS = ['Q4_0', 'Q8_0'];

/** The error of a candidate that costs `scale` times that of another. */
export type ErrorOf = (tensor: ModelTensor, matrix: Float32Array, scale: number) => Float32Array;

/**
 * A random model of one block, text, a measurement, and two candidates of every matrix.
 * @param error called with 2 for the candidate of fewer bits, with 1 for the other
 */
export async function scoringSetUp(error: ErrorOf, tied = false) {
  const config = { ...smallConfig, tied, layers: 1 };
  const random = new Random(3);
  const values = randomTensors(config, random);
  const model = modelOf(config, values);
  const text = () => ({
    sequences: 4,
    length: 6,
    ids: Int32Array.from({ length: 4 * 6 }, () => random.integer(config.vocabulary)),
  });
  const [tokens, ownText] = [text(), text()];
  const measurement = await measureModel(kernels, model, tokens, { store: memoryStore(), seed: SEED });
  const tensors = [...model.tensors.values()].filter(({ shape }) => shape.length === 2);
  const memory = new Map<string, Score[]>();
  const task: ScoreTask = {
    kernels,
    model,
    candidates: {
      tensors,
      formats: () => FORMATS,
      delta: async (tensor, name) => error(tensor, values.get(tensor.name)!.values, name === 'Q4_0' ? 2 : 1),
    },
    measurement,
    tokens,
    evaluated: tokens,
    ownText: async () => ownText,
    seed: SEED,
    memory: { get: async (key) => memory.get(key), put: async (key, value) => void memory.set(key, value) },
  };
  return { config, values, model, tokens, ownText, measurement, tensors, task, memory };
}

/** Scores of one metric. */
export async function scored(name: string, task: ScoreTask): Promise<ScoreTable> {
  const [table] = (await scoreCandidates(metricsNamed([name]), task)).values();
  return table;
}
