/* Which experts a token's slots keep: a few numbers a token, so plain loops on every device. */

/** How a slot is kept; the first of a token always is. */
export interface SlotRule {
  /** Slots of a token. */
  readonly k: number;
  readonly experts: number;
  /** Whether the weights of kept slots are divided by their sum. */
  readonly normalize: boolean;
  /** Slot j of expert e is kept where scores[j] + ratios[j] · w_j / w_0 + levels[j] · w_j + offsets[j] + biases[e] > 0. [k] */
  readonly ratios: readonly number[];
  readonly levels: readonly number[];
  readonly offsets: readonly number[];
  /** [experts] */
  readonly biases: readonly number[];
}

/**
 * Slots that are not kept go to no expert, `experts`, with weight 0.
 * @param scores [tokens, k], default 0
 */
export function keepSlots(
  [ids, weights, scores]: readonly [Int32Array, Float32Array, Float32Array | undefined],
  [keptIds, keptWeights]: readonly [Int32Array, Float32Array],
  { k, experts, normalize, ratios, levels, offsets, biases }: SlotRule,
): void {
  for (let first = 0; first < ids.length; first += k) {
    let sum = 0;
    for (let j = 0; j < k; j++) {
      const slot = first + j;
      const id = ids[slot];
      const own = (ratios[j] * weights[slot]) / weights[first] + levels[j] * weights[slot];
      const score = (scores?.[slot] ?? 0) + own + offsets[j] + biases[id];
      const isKept = id < experts && (j === 0 || score > 0);
      keptIds[slot] = isKept ? id : experts;
      keptWeights[slot] = isKept ? weights[slot] : 0;
      sum += keptWeights[slot];
    }
    if (normalize) for (let slot = first; slot < first + k; slot++) keptWeights[slot] /= sum;
  }
}

/** Ids counted from `from` on where they are of `count` experts, else no expert, `count`, with weight 0. */
export function slotsOfExperts(
  [ids, weights]: readonly [Int32Array, Float32Array],
  [ownIds, ownWeights]: readonly [Int32Array, Float32Array],
  { from, count }: { readonly from: number; readonly count: number },
): void {
  for (let slot = 0; slot < ids.length; slot++) {
    const id = ids[slot] - from;
    const isOwn = id >= 0 && id < count;
    ownIds[slot] = isOwn ? id : count;
    ownWeights[slot] = isOwn ? weights[slot] : 0;
  }
}
