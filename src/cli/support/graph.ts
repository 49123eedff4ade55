import type { SegmentDescription } from '../../graph/describe.ts';
import { groupDigits, table } from './output.ts';
import { formatSize } from './size.ts';

/** A network segment by segment: what is computed, from which weights, in how much memory. */
export function graphLines(segments: readonly SegmentDescription[], tokens: number): string[] {
  return segments.flatMap(({ first, count, ops, parameters, arenaBytes }) => {
    const name = count === 1 ? `segment ${first}` : `segments ${first} to ${first + count - 1}, each`;
    const head = `${name}: ${groupDigits(parameters)} weights, ${formatSize(4 * parameters)} as float32; ${formatSize(arenaBytes)} of values for ${tokens} tokens`;
    const rows = ops.map(({ op, weight = '', shape }) => [`  ${op}`, shape, weight]);
    return ['', head, ...table(['  op', 'makes', 'weight'], rows)];
  });
}
