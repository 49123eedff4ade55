import type { Random } from '../core/random.ts';

/** How the next token is drawn. Steps are applied in the order of the fields, as llama.cpp's default chain does. */
export interface SamplerOptions {
  /** Divides positive and multiplies negative logits of recent tokens; default 1 (off). @see CTRL (Keskar et al. 2019), section 4.1 */
  repeatPenalty?: number;
  /** Recent tokens that the penalty sees, default 64. */
  repeatWindow?: number;
  /** Keeps the k most probable tokens, default 40; 0 keeps all. */
  topK?: number;
  /** Keeps the fewest tokens whose probabilities reach this sum, default 0.95; 1 keeps all. @see Holtzman et al. 2019 */
  topP?: number;
  /** Drops tokens less probable than this share of the best one, default 0.05; 0 keeps all. @see Nguyen et al. 2024 */
  minP?: number;
  /** Default 0.8; 0 always takes the most probable token. */
  temperature?: number;
}

/** The most probable token; the first of equals. */
export function greedy(logits: ArrayLike<number>): number {
  let best = 0;
  for (let i = 1; i < logits.length; i++) if (logits[i] > logits[best]) best = i;
  return best;
}

/**
 * Draws one token.
 * @param logits [vocabulary]; not changed
 * @param recent tokens so far, for the repeat penalty
 */
export function sample(
  logits: Float32Array,
  recent: ArrayLike<number>,
  random: Random,
  options: SamplerOptions = {},
): number {
  const { repeatPenalty = 1, repeatWindow = 64, topK = 40, topP = 0.95, minP = 0.05, temperature = 0.8 } = options;
  const scores = repeatPenalty === 1 ? logits : penalized(logits, recent, repeatPenalty, repeatWindow);
  if (temperature <= 0) return greedy(scores);
  const ids = largest(scores, topK > 0 ? Math.min(topK, scores.length) : scores.length);
  const kept = ids.slice(0, keptCount(scores, ids, topP, minP));
  const top = scores[kept[0]];
  const weights = kept.map((id) => Math.exp((scores[id] - top) / temperature));
  let left = random.uniform() * weights.reduce((sum, weight) => sum + weight, 0);
  for (let i = 0; i < kept.length; i++) {
    left -= weights[i];
    if (left < 0) return kept[i];
  }
  return kept[kept.length - 1];
}

function penalized(logits: Float32Array, recent: ArrayLike<number>, penalty: number, window: number): Float32Array {
  const scores = logits.slice();
  const seen = new Set<number>();
  for (let i = Math.max(0, recent.length - window); i < recent.length; i++) seen.add(recent[i]);
  for (const id of seen) scores[id] = scores[id] > 0 ? scores[id] / penalty : scores[id] * penalty;
  return scores;
}

/** Ids of the `count` largest scores, in falling order. */
function largest(scores: Float32Array, count: number): number[] {
  // Sorting everything is cheaper than insertion when most are kept.
  if (count > 256)
    return Array.from(scores.keys())
      .sort((a, b) => scores[b] - scores[a])
      .slice(0, count);
  const ids: number[] = [];
  for (let id = 0; id < scores.length; id++) {
    if (ids.length === count && !(scores[id] > scores[ids[count - 1]])) continue;
    if (ids.length === count) ids.pop();
    let at = ids.length;
    while (at > 0 && scores[ids[at - 1]] < scores[id]) at--;
    ids.splice(at, 0, id);
  }
  return ids;
}

/** How many of the ids (falling) survive top-p and min-p; at least one. */
function keptCount(scores: Float32Array, ids: number[], topP: number, minP: number): number {
  const weights = ids.map((id) => Math.exp(scores[id] - scores[ids[0]]));
  const total = weights.reduce((sum, weight) => sum + weight, 0);
  let sum = 0;
  for (let i = 0; i < ids.length; i++) {
    if (i > 0 && weights[i] < minP) return i;
    sum += weights[i];
    if (sum >= topP * total) return i + 1;
  }
  return ids.length;
}
