import { availableParallelism, cpus } from 'node:os';

/** What figures were taken on. */
export function machine(): string {
  return `${cpus()[0]?.model ?? 'unknown CPU'}, ${availableParallelism()} cores, Node ${process.version}`;
}
