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
  /** Factors from those sequences. */
  readonly seen: readonly KroneckerTerm[];
  /** Factors from the other sequences. */
  readonly unseen: readonly KroneckerTerm[];
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

/**
 * The rounding priced here sees half of the text, the file's will see all of it. What a rounding costs on unseen text lies
 * above, and on seen text below, what it would cost under the true curvature's own minimum, by about as much on each side
 * and in inverse proportion to the text: twice the text takes a quarter of the distance between the two off.
 * @see Akaike (1974), for the symmetry of both distances
 */
const SHARE_OF_SEEN = 0.25;

export function priceFormats(kernels: Kernels, job: PriceJob): Price[] {
  const { weight, sample, curvature } = job;
  const round = roundingMethod(job.rounding).prepare(kernels, curvature);
  return kernels.scope(() => {
    const seen = uploadTerms(kernels, job.seen);
    const unseen = uploadTerms(kernels, job.unseen);
    const delta = kernels.f32(weight.length);
    return job.formats.map((name) => {
      const target = format(name);
      const blocks = new Uint8Array(sample.index.length * rowBytes(target, curvature.columns));
      round(target, weight, blocks);
      decodeRows(target, blocks, curvature.columns, delta);
      for (let i = 0; i < delta.length; i++) delta[i] = weight[i] - delta[i];
      const { price: onUnseen, standardError } = price(kernels, unseen, delta, sample.index, sample.inclusion);
      const { price: onSeen } = price(kernels, seen, delta, sample.index, sample.inclusion);
      const loss = onUnseen + SHARE_OF_SEEN * (onSeen - onUnseen);
      return { format: name, loss, samplingError: standardError };
    });
  });
}
