/* Experts that hold so many slots of a batch and no more: whole tokens are compared, so one thread does it. */

/** How full experts may be, and what is done with slots that do not fit and places that are left. */
export interface CapacityRule {
  /** Slots of a token, as the router chose. */
  readonly k: number;
  readonly experts: number;
  /** Places of an expert, in slots of an even share. */
  readonly factor: number;
  /** Whether a slot that does not fit goes to the token's best expert that has a place, instead of none. */
  readonly reroute: boolean;
  /** Whether places that are left go to the tokens that want the expert most beyond those that they have. */
  readonly fill: boolean;
  readonly normalize: boolean;
}

/**
 * Slots by capacity: every token has one more than the router chose, which `fill` uses; slots of no expert have id
 * `experts` and weight 0. Experts keep the slots of the largest weights.
 * @param logits [tokens, experts]; ids, weights [tokens, k]; results [tokens, k + 1]
 */
export function limitSlots(
  [logits, ids, weights]: readonly [Float32Array, Int32Array, Float32Array],
  [keptIds, keptWeights]: readonly [Int32Array, Float32Array],
  rule: CapacityRule,
): void {
  const { k, experts, factor, reroute, fill, normalize } = rule;
  const tokens = ids.length / k;
  const places = new Int32Array(experts).fill(Math.ceil((factor * ids.length) / experts));
  keptIds.fill(experts);
  keptWeights.fill(0);
  const take = (token: number, j: number, id: number, weight: number): void => {
    keptIds[token * (k + 1) + j] = id;
    keptWeights[token * (k + 1) + j] = weight;
    places[id]--;
  };
  const logit = (token: number, id: number): number => logits[token * experts + id];
  // What another expert's weight would be: both are exponentials of logits over the same sum.
  const weightOf = (token: number, id: number): number =>
    weights[token * k] * Math.exp(logit(token, id) - logit(token, ids[token * k]));
  const has = (token: number, id: number): boolean => {
    for (let j = 0; j < k; j++) if (ids[token * k + j] === id) return true;
    for (let j = 0; j <= k; j++) if (keptIds[token * (k + 1) + j] === id) return true;
    return false;
  };
  const dropped: number[] = [];
  const byWeight = Array.from(ids.keys()).sort((a, b) => weights[b] - weights[a] || a - b);
  for (const slot of byWeight) {
    if (places[ids[slot]] > 0) take(Math.floor(slot / k), slot % k, ids[slot], weights[slot]);
    else dropped.push(slot);
  }
  if (reroute)
    for (const slot of dropped) {
      const token = Math.floor(slot / k);
      const next = bestOf(experts, (id) => (places[id] > 0 && !has(token, id) ? logit(token, id) : -Infinity));
      if (next >= 0) take(token, slot % k, next, weightOf(token, next));
    }
  if (fill) {
    const wanted = Array.from({ length: tokens }, (_, token) => {
      const id = bestOf(experts, (other) => (has(token, other) ? -Infinity : logit(token, other)));
      return { token, id, weight: id < 0 ? 0 : weightOf(token, id) };
    });
    for (const { token, id, weight } of wanted.sort((a, b) => b.weight - a.weight || a.token - b.token))
      if (id >= 0 && places[id] > 0) take(token, k, id, weight);
  }
  if (normalize)
    for (let first = 0; first < keptWeights.length; first += k + 1) {
      const own = keptWeights.subarray(first, first + k + 1);
      const sum = own.reduce((total, weight) => total + weight, 0);
      if (sum > 0) for (let j = 0; j <= k; j++) own[j] /= sum;
    }
}

/** The index of the largest score; −1 where all are −∞. */
function bestOf(count: number, score: (index: number) => number): number {
  let [best, most] = [-1, -Infinity];
  for (let i = 0; i < count; i++) {
    const value = score(i);
    if (value > most) [best, most] = [i, value];
  }
  return best;
}
