import type { Kernels } from '../../kernels/contract.ts';
import type { ModelConfig, ModelTensor } from '../../model/types.ts';
import type { TensorMeasurement } from '../types.ts';
import type { Layer } from './passes/layers.ts';

/** What a metric must be given: weights alone, statistics of activations, of gradients too, or runs of changed models. */
export type Needs = 'weights' | 'activations' | 'gradients' | 'evaluations';

/** What a candidate is predicted to cost. */
export interface Score {
  readonly value: number;
  /** Where the metric is an estimate. */
  readonly standardError?: number;
  /** What the metric needs beside its value to judge whole plans: inner products per sequence, a Gram matrix. */
  readonly vector?: readonly number[];
}

/** Scores of all candidates of all matrices: [tensor][candidate], candidates in the order of their palette. */
export type ScoreTable = ReadonlyMap<string, readonly Score[]>;

/** A matrix rounded in one way. */
export interface Change {
  readonly tensor: ModelTensor;
  /** Bits per weight as stored. */
  readonly bits: number;
  /** [rows, columns] */
  readonly weight: Float32Array;
  /** δW = W − Q(W). [rows, columns] */
  readonly delta: Float32Array;
}

/** Size of the work, for `cost`. */
export interface Scale {
  readonly layers: number;
  /** Candidates per matrix. */
  readonly candidates: number;
}

/** What every metric says of itself: a row of docs/metrics.md. */
export interface MetricFacts {
  readonly name: string;
  readonly needs: Needs;
  /** In forward passes over its text, all candidates of all matrices; a backward pass counts as two. */
  cost(scale: Scale): number;
  /** Whether scores estimate KL in nats per token, so that they can be added, budgeted and checked. */
  readonly nats: boolean;
  readonly source: string;
  readonly equation: string;
  /** Turns what was collected into scores when all matrices are known. */
  finish?(table: ScoreTable, tensors: readonly ModelTensor[]): ScoreTable;
  /** Score of a plan from the scores of its candidates; default their sum. */
  combine?(chosen: readonly Score[]): number;
}

/** Looks at weights alone. `gains` are the gains of the norm that feeds the matrix, where one does. */
export interface WeightMetric extends MetricFacts {
  readonly stage: 'weights';
  score(change: Change, gains: Float32Array | undefined): Score;
}

/** Prices by a finished measurement: importance, Kronecker factors, sketches. */
export interface FactorMetric extends MetricFacts {
  readonly stage: 'factors';
  /** @returns a scorer of one matrix; its arrays live in the kernel scope of the call */
  open(kernels: Kernels, measured: FactorFacts): (change: Change) => Score;
}

export interface FactorFacts {
  readonly measurement: TensorMeasurement;
  /** What prices are multiplied with after all. */
  readonly calibration: number;
  /** Relative standard error of the matrix's price. */
  readonly relativeError: number;
}

/** Watches every layer's inputs, outputs and gradients on some text, and what candidates do to its outputs. */
export interface LayerMetric extends MetricFacts {
  readonly stage: 'layers';
  /** Whether it needs gradients of the text's own next tokens beside those of sampled labels. */
  readonly textLabels?: boolean;
  /** Whether it looks at the outputs' changes of candidates, which cost a matrix product each. */
  readonly changes: boolean;
  collect(shape: LayerShape): LayerCollector;
}

export interface LayerShape {
  readonly tensor: ModelTensor;
  readonly kernels: Kernels;
  readonly config: ModelConfig;
  readonly candidates: number;
  readonly sequences: number;
  readonly length: number;
}

/** What one metric gathers of one matrix; a tied matrix is seen as two layers, a large one in parts. */
export interface LayerCollector {
  /** Once per layer, before its candidates. */
  layer?(layer: Layer): void;
  /** @param outputs δy of the candidate, [tokens, width] in the backend's memory */
  change?(layer: Layer, candidate: number, delta: Float32Array, outputs: Float32Array): void;
  /** In the order of candidates. */
  scores(changes: readonly CandidateNorm[]): Score[];
}

/** What is kept of a candidate after its δW is gone. */
export interface CandidateNorm {
  readonly bits: number;
  /** Σ δW² */
  readonly squares: number;
}

/** Runs the model with one matrix changed. */
export interface EvaluationMetric extends MetricFacts {
  readonly stage: 'evaluations';
  /** On the calibration text, or on text that the model wrote itself. */
  readonly text: 'calibration' | 'own';
  /** Whether the blocks behind the changed one are run as well. */
  readonly suffix: boolean;
  /** One score from what the change did. */
  score(effect: BlockEffect): Score;
}

/** What a changed matrix did on a text. */
export interface BlockEffect {
  /** KL divergence per token, nats: mean and standard error over tokens. NaN without the suffix. */
  readonly kl: number;
  readonly klError: number;
  /** Σ (z − z')² of the block's output over Σ (z − input)², what the block adds to its input; for the head of logits. */
  readonly reconstruction: number;
}

export type Metric = WeightMetric | FactorMetric | LayerMetric | EvaluationMetric;
