/** What people see at a KL divergence, and from where on: nats per token. */
export interface KlStep {
  readonly from: number;
  readonly words: string;
}

/**
 * Steps of the scale. Beside them what was counted on held-out text of two models, 8 M and 135 M weights: the most probable token is
 * the original's in 97 to 98 of 100 places at 0.001 to 0.002, in 91 at 0.01, in 75 to 78 at 0.1, and in 56 at 0.5.
 */
export const KL_SCALE: readonly KlStep[] = [
  { from: 0, words: 'as good as its source' },
  { from: 0.001, words: 'hardly to be told from its source' },
  { from: 0.01, words: 'close to its source, now and then another word' },
  { from: 0.1, words: 'noticeably different from its source' },
  { from: 0.5, words: 'much of the model is lost' },
];

/** What people see at this divergence. */
export function klWords(kl: number): string {
  return KL_SCALE.findLast(({ from }) => kl >= from)?.words ?? KL_SCALE[0].words;
}

/** The scale in one line. */
export const KL_SCALE_LINE =
  'KL of 0.001 is hardly to be told from the source, 0.01 is close to it, 0.1 noticeably different';
