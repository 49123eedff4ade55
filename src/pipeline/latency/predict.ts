import { packedFormats } from '../../kernels/packedFormats.ts';
import type { Site } from '../../model/sites.ts';
import type { Latency, LatencyRound, LatencyTable } from './types.ts';

/** A site at work in every decoded token, in a format: a matrix that it is multiplied with, or a packed cache. */
export interface Product {
  /** What takes the same time: `shapeOf` its site. */
  readonly shape: string;
  readonly format: string;
}

/** Kernel of the formats that `run` decodes to float32 when it loads a model. */
export const FLOAT_KERNEL = 'float32';

/** The kernel that multiplies with a format: its own, or that of float32. */
export function kernelOf(format: string): string {
  return packedFormats.includes(format) ? format : FLOAT_KERNEL;
}

/** Sites of one shape take the same time in a format: `256x64`, `4096x64, 1024 a token` of experts, `cache of 128`. */
export function shapeOf({ kind, rows, columns, rowsPerToken }: Site): string {
  if (kind === 'state') return `cache of ${columns}`;
  return rowsPerToken === rows ? `${rows}x${columns}` : `${rows}x${columns}, ${rowsPerToken} a token`;
}

/** One site's calls, in ms. @throws RangeError when it was not measured */
export function productTime(table: LatencyTable, product: Product): number {
  return median(timesByRound(table, product));
}

/** Time of a token that no choice of formats changes, in ms. */
export function fixedTime(table: LatencyTable): number {
  return median(Object.values(table.rounds).flatMap((rounds) => rounds.map(({ fixed }) => fixed)));
}

/**
 * Time of one decoded token. The spread is that of whole tokens put together from single rounds, because what slows a
 * device down slows all kernels of a round.
 */
export function predictLatency(table: LatencyTable, products: readonly Product[]): Latency {
  const times = products.map((product) => timesByRound(table, product));
  const rounds = Math.min(...times.map(({ length }) => length));
  const kernels = [...new Set(products.map(({ format }) => kernelOf(format)))];
  const totals = Array.from({ length: rounds }, (_, round) =>
    times.reduce((sum, of) => sum + of[round], median(kernels.map((name) => table.rounds[name][round].fixed))),
  );
  return {
    milliseconds: times.reduce((sum, of) => sum + median(of), fixedTime(table)),
    spread: summarize(totals).spread,
  };
}

/** The same in every round. */
function timesByRound(table: LatencyTable, { shape, format }: Product): number[] {
  const times = (table.rounds[kernelOf(format)] ?? []).flatMap(({ products }: LatencyRound) => products[shape] ?? []);
  if (times.length === 0) throw new RangeError(`latency of ${format} ${shape} was not measured; measure it first`);
  return times;
}

export function summarize(times: readonly number[]): Latency {
  const milliseconds = median(times);
  return { milliseconds, spread: DEVIATIONS * median(times.map((time) => Math.abs(time - milliseconds))) };
}

/** Standard deviations in a median absolute deviation of normal errors. */
const DEVIATIONS = 1.4826;

/**
 * Mean of the times that nothing disturbed, in ms: those at most a quarter and 25 µs above the median. A plain median of
 * times as short as a step of the clock (5 to 20 µs in browsers) would be one of two steps.
 */
export function undisturbed(times: readonly number[]): number {
  const most = 1.25 * median(times) + 0.025;
  const kept = times.filter((time) => time <= most);
  return kept.reduce((sum, time) => sum + time, 0) / kept.length;
}

export function median(values: readonly number[]): number {
  const sorted = values.toSorted((a, b) => a - b);
  return (sorted[(sorted.length - 1) >> 1] + sorted[sorted.length >> 1]) / 2;
}
