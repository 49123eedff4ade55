import { expertReach } from '../../measure/reach.ts';
import { expertLine } from '../../measure/reach-lines.ts';
import type { Measurement } from '../../measure/types.ts';

/** How much of the text experts got; no line for models without them. */
export function expertLines({ key, summaries }: Measurement): string[] {
  const reach = expertReach(summaries);
  return reach === undefined ? [] : [`experts    ${expertLine(reach, key.sequences * key.sequenceLength)}`];
}
