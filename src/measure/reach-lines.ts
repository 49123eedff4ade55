import type { BlockReach, ExpertReach } from './reach.ts';

/** One line: how much of the text experts got, and which are priced by others. @param tokens of the text */
export function expertLine({ blocks, experts, hardly, enough }: ExpertReach, tokens: number): string {
  const counts = blocks.flatMap((block) => block.tokens.map(([one, other]) => one + other));
  const range = `${Math.min(...counts)} to ${Math.max(...counts)} of ${tokens} tokens`;
  if (hardly.length === 0) return `each of ${experts} got ${range}`;
  return (
    `${hardly.length} of ${experts} got fewer than ${enough} tokens of a half of the text (all: ${range}); ` +
    'they are priced as average ones of their block; more text helps: --calibration-tokens'
  );
}

/** A line for each block: the tokens of every expert, in their order. */
export function expertDetails({ blocks, enough }: ExpertReach): string[] {
  return blocks.map(({ tensor, tokens }) => `tokens of the experts of ${tensor}: ${counts({ tokens }, enough)}`);
}

/** Hardly reached experts are marked. */
function counts({ tokens }: Pick<BlockReach, 'tokens'>, enough: number): string {
  return tokens
    .map(([one, other]) => `${one + other}${Math.min(one, other) < enough ? ' (average of the block)' : ''}`)
    .join(', ');
}
