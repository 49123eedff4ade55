import type { Kernels } from '../kernels/contract.ts';
import { price, type RowSample, uploadTerms } from '../measure/price.ts';
import type { KroneckerTerm } from '../measure/types.ts';
import { decodeRows, format, rowBytes } from '../numeric/table.ts';
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
  const blocks = new Uint8Array(job.rows * rowBytes(target, job.curvature.columns));
  roundingMethod(job.rounding).prepare(kernels, job.curvature)(target, job.weight, blocks);
  return blocks;
}

export function priceFormats(kernels: Kernels, job: PriceJob): Price[] {
  const { weight, sample, curvature } = job;
  const round = roundingMethod(job.rounding).prepare(kernels, curvature);
  return kernels.scope(() => {
    const terms = uploadTerms(kernels, job.terms);
    const delta = kernels.f32(weight.length);
    return job.formats.map((name) => {
      const target = format(name);
      const blocks = new Uint8Array(sample.index.length * rowBytes(target, curvature.columns));
      round(target, weight, blocks);
      decodeRows(target, blocks, curvature.columns, delta);
      for (let i = 0; i < delta.length; i++) delta[i] = weight[i] - delta[i];
      const { price: loss, standardError } = price(kernels, terms, delta, sample.index, sample.inclusion);
      return { format: name, loss, samplingError: standardError };
    });
  });
}
