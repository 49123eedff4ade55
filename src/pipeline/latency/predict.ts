import { packedFormats } from '../../kernels/packedFormats.ts';
import type { Latency, LatencyRound, LatencyTable } from './types.ts';

/** A matrix that every decoded token is multiplied with, in a format. */
export interface Product {
  readonly rows: number;
  readonly columns: number;
  readonly format: string;
}

/** Kernel of the formats that `run` decodes to float32 when it loads a model. */
export const FLOAT_KERNEL = 'float32';

/** The kernel that multiplies with a format: its own, or that of float32. */
export function kernelOf(format: string): string {
  return packedFormats.includes(format) ? format : FLOAT_KERNEL;
}

export function shapeName(rows: number, columns: number): string {
  return `${rows}x${columns}`;
}

/** One product, in ms. @throws RangeError when it was not measured */
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

/** One product in every round, in ms. */
function timesByRound(table: LatencyTable, { rows, columns, format }: Product): number[] {
  const shape = shapeName(rows, columns);
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
