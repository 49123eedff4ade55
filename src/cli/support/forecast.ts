import type { Forecast } from '../../pipeline/preflight/types.ts';
import { formatDuration } from './progress.ts';
import { formatSize } from './size.ts';

/** One line: time, memory, disk. */
export function describeForecast({
  seconds,
  memoryBytes,
  outputBytes,
  keptBytes,
  temporaryBytes,
}: Omit<Forecast, 'basis'>): string {
  const kept = keptBytes > 0 ? `, ${formatSize(keptBytes)} of measurements for later runs` : '';
  const disk = `${formatSize(outputBytes)} for the file${kept}, ${formatSize(temporaryBytes)} until it is done`;
  return `takes about ${formatDuration(1000 * roughly(seconds))} on this machine, ${formatSize(memoryBytes)} of memory; disk: ${disk}`;
}

/** Two digits: no more is known. */
function roughly(seconds: number): number {
  return Number(seconds.toPrecision(2));
}
