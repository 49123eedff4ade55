import type { Kernels } from '../kernels/contract.ts';
import { price, type RowSample, uploadTerms } from '../measure/price.ts';
import type { KroneckerTerm } from '../measure/types.ts';
import { decodeRows, format } from '../numeric/table.ts';
import type { NumberFormat } from '../numeric/types.ts';
import { type Feedback, feedback } from './rounding/feedback.ts';
import { roundWithFeedback } from './rounding/gptq.ts';
import { roundingMethod } from './rounding/table.ts';
import type { Curvature, RoundingName } from './types.ts';

/** Rounds rows of one matrix into one format. Plain data, so that it can cross to a worker. */
export interface RoundJob {
  readonly kind: 'round';
  readonly format: string;
  readonly rounding: RoundingName;
  readonly rows: number;
  /** [rows, curvature.columns] */
  readonly weight: Float32Array;
  readonly curvature: Curvature;
}

/** Prices every candidate format of one matrix on a sample of its rows, rounded as the file would be. */
export interface PriceJob {
  readonly kind: 'price';
  readonly formats: readonly string[];
  readonly rounding: RoundingName;
  readonly sample: RowSample;
  /** The sampled rows. [sample.index.length, curvature.columns] */
  readonly weight: Float32Array;
  /** From the sequences that rounding may see. */
  readonly curvature: Curvature;
  /** From the other sequences. */
  readonly terms: readonly KroneckerTerm[];
}

/** Loss of one candidate over the whole matrix in nats per token, before calibration; its error from sampling rows. */
export interface Price {
  readonly format: string;
  readonly loss: number;
  readonly samplingError: number;
}

export type Job = RoundJob | PriceJob;

/** Runs jobs, wherever: in place, or on workers. */
export interface JobRunner {
  /** Jobs worth having under way at once. */
  readonly concurrency: number;
  round(job: RoundJob, signal?: AbortSignal): Promise<Uint8Array>;
  price(job: PriceJob, signal?: AbortSignal): Promise<Price[]>;
  close(): Promise<void>;
}

export function roundRows(kernels: Kernels, job: RoundJob): Uint8Array {
  const target = format(job.format);
  const columns = job.curvature.columns;
  const blocks = new Uint8Array(job.rows * (columns / target.blockSize) * target.blockBytes);
  roundingMethod(job.rounding).round(
    { kernels, format: target, rows: job.rows, columns, weight: job.weight, curvature: job.curvature },
    blocks,
  );
  return blocks;
}

export function priceFormats(kernels: Kernels, job: PriceJob): Price[] {
  const feedbacks = new Map<number, Feedback>();
  return kernels.scope(() => {
    const terms = uploadTerms(kernels, job.terms);
    const delta = kernels.f32(job.weight.length);
    return job.formats.map((name) => {
      const target = format(name);
      decodeRows(target, roundSample(kernels, job, target, feedbacks), job.curvature.columns, delta);
      for (let i = 0; i < delta.length; i++) delta[i] = job.weight[i] - delta[i];
      const { price: loss, standardError } = price(kernels, terms, delta, job.sample.index, job.sample.inclusion);
      return { format: name, loss, samplingError: standardError };
    });
  });
}

function roundSample(
  kernels: Kernels,
  job: PriceJob,
  target: NumberFormat,
  feedbacks: Map<number, Feedback>,
): Uint8Array {
  const { columns } = job.curvature;
  const rows = job.weight.length / columns;
  if (job.rounding !== 'gptq' || target.grid === undefined || job.curvature.matrix === undefined) {
    return roundRows(kernels, { ...job, kind: 'round', format: target.name, rows });
  }
  let plan = feedbacks.get(target.blockSize);
  if (plan === undefined) {
    plan = feedback(kernels, job.curvature, target.blockSize);
    feedbacks.set(target.blockSize, plan);
  }
  const blocks = new Uint8Array(rows * (columns / target.blockSize) * target.blockBytes);
  roundWithFeedback(
    { kernels, format: target, rows, columns, weight: job.weight, curvature: job.curvature },
    target.grid,
    plan,
    blocks,
  );
  return blocks;
}
