import { Random } from '../core/random.ts';
import { dispatchOf, usesOf } from '../graph/uses.ts';
import type { Kernels } from '../kernels/contract.ts';
import { type ExpertRule, routersOf } from '../model/expert-rules.ts';
import type { Model } from '../model/types.ts';
import { boundOf, checkExpertBudget, shareOfOthers } from './expert-budget.ts';
import { type Layer, type LayerPassOptions, visitLayers } from './metrics/passes/layers.ts';
import { sequenceChunks, type TokenBatch } from './plan.ts';

/** What learning sees of one block's tokens. */
interface Samples {
  readonly used: number;
  readonly experts: number;
  readonly hidden: number;
  /** Inputs of the router, [tokens, hidden]. */
  readonly inputs: Float32Array[];
  /** The router's weights, [tokens, used]. */
  readonly weights: Float32Array[];
  /** Experts, [tokens, used]. */
  readonly ids: Int32Array[];
  /** ½·⟨g, w·y⟩²: what leaving a slot out costs to second order, nats. [tokens, used] */
  readonly costs: Float32Array[];
}

/** Steps of the optimizer, tokens of each, its rate at first, and how fast prices follow. */
const STEPS = 768;
const STEP_TOKENS = 128;
const LEARNING_RATE = 0.02;
const PRICE_RATE = 0.06;
/** Shrinks what is learned of inputs: there are hundreds of them, and a few thousand tokens. */
const DECAY = 0.003;

/**
 * Learned rules: a linear router beside each block's own keeps or leaves out every expert of a token. As in MC#'s online
 * top-any pruning, kept experts cost a constant and those left out what the model loses. Here that loss is the second-order
 * KL of the slot, known for both choices, so the mean over choices is minimized itself where MC# draws masks by
 * Gumbel-Softmax. Constants are such that all blocks together keep `share` of their experts on the text.
 * @param tokens some thousands
 * @see Huang et al., MC#: Mixture Compressor for Mixture-of-Experts Large Models (2025), online top-any pruning
 */
export async function learnedRules(
  kernels: Kernels,
  model: Model,
  tokens: TokenBatch,
  share: number,
  options: Pick<LayerPassOptions, 'seed' | 'signal' | 'onProgress'>,
): Promise<ExpertRule[]> {
  checkExpertBudget(model, share);
  const blocks = await collect(kernels, model, tokens, options);
  const mean = meanCost(blocks);
  const random = new Random(options.seed).fork('experts kept');
  const learned = blocks.map((block) => learn(joined(block), mean, shareOfOthers(share, block.used), random));
  // One bound for all blocks: those whose experts matter less lose more of them.
  const all = learned.flatMap(({ scores }) => scores);
  const bound = boundOf(all, shareOfOthers(share, blocks[0].used));
  return learned.map(({ rule }) => ({ ...rule, offsets: rule.offsets.map((offset) => offset - bound) }));
}

/** Shows every block's experts some sequences at a time. */
async function collect(
  kernels: Kernels,
  model: Model,
  tokens: TokenBatch,
  { seed, signal, onProgress }: Pick<LayerPassOptions, 'seed' | 'signal' | 'onProgress'>,
): Promise<Samples[]> {
  const ends = endsOf(model);
  const blocks = ends.map((end): Samples => ({ ...end, inputs: [], weights: [], ids: [], costs: [] }));
  for (const chunk of sequenceChunks(tokens)) {
    const visit = async (layer: Layer): Promise<void> => {
      const first = ends.findIndex((end) => end.first === layer.tensor.name);
      if (first >= 0) addInputs(blocks[first], layer);
      const last = ends.findIndex((end) => end.last === layer.tensor.name);
      if (last >= 0) addCosts(kernels, blocks[last], layer);
    };
    await visitLayers(kernels, model, chunk.tokens, { seed: seed + chunk.first, labels: ['sampled'], signal }, visit);
    const done = chunk.first + chunk.tokens.sequences;
    onProgress?.({ stage: 'learning', done, total: tokens.sequences, unit: 'sequences' });
  }
  return blocks;
}

/** The first and the last matrices of every block's experts. */
function endsOf({ graph }: Model) {
  const grouped = usesOf(graph).filter((use) => use.kind === 'grouped' && dispatchOf(graph, use).weights !== undefined);
  const blocks = [...Map.groupBy(grouped, (use) => dispatchOf(graph, use).offsets).values()];
  const routers = routersOf(graph);
  return blocks.map((uses, block) => ({
    first: uses[0].tensor,
    last: uses.at(-1)!.tensor,
    used: routers[block].used,
    experts: routers[block].experts,
    hidden: graph.values[uses[0].weight].shape[1] as number,
  }));
}

function addInputs({ inputs, hidden }: Samples, { inputs: rows, slots }: Layer): void {
  const { order, used } = slots!;
  const x = new Float32Array((order.length / used) * hidden);
  for (const [row, slot] of order.entries())
    if (slot % used === 0) x.set(rows!.subarray(row * hidden, (row + 1) * hidden), (slot / used) * hidden);
  inputs.push(x);
}

function addCosts(kernels: Kernels, { weights, ids, costs }: Samples, layer: Layer): void {
  const { slots, width, gradients, weight } = layer;
  const outputs = layer.outputs(weight);
  const cost = new Float32Array(slots!.order.length);
  // Gradients at outputs of experts carry the router's weight already.
  for (const [row, slot] of slots!.order.entries()) {
    let product = 0;
    for (let i = row * width; i < (row + 1) * width; i++) product += gradients.sampled![i] * outputs[i];
    cost[slot] = 0.5 * product * product;
  }
  kernels.free(outputs);
  const expert = new Int32Array(cost.length);
  for (let e = 0; e + 1 < slots!.offsets.length; e++)
    for (let row = slots!.offsets[e]; row < slots!.offsets[e + 1]; row++) expert[slots!.order[row]] = e;
  weights.push(slots!.weights.slice());
  ids.push(expert);
  costs.push(cost);
}

function meanCost(blocks: readonly Samples[]): number {
  let [sum, count] = [0, 0];
  for (const { costs, used } of blocks)
    for (const chunk of costs)
      for (let slot = 0; slot < chunk.length; slot++)
        if (slot % used > 0) {
          sum += chunk[slot];
          count++;
        }
  return count > 0 && sum > 0 ? sum / count : 1;
}

/** One block's samples in single arrays. */
interface Joined {
  readonly used: number;
  readonly experts: number;
  readonly hidden: number;
  readonly tokens: number;
  readonly inputs: Float32Array;
  readonly weights: Float32Array;
  readonly ids: Int32Array;
  readonly costs: Float32Array;
}

function joined({ used, experts, hidden, inputs, weights, ids, costs }: Samples): Joined {
  const all = (parts: readonly Float32Array[]): Float32Array => {
    const one = new Float32Array(parts.reduce((sum, { length }) => sum + length, 0));
    let at = 0;
    for (const part of parts) {
      one.set(part, at);
      at += part.length;
    }
    return one;
  };
  const [x, w, c] = [all(inputs), all(weights), all(costs)];
  const own = Int32Array.from(ids.flatMap((part) => [...part]));
  return { used, experts, hidden, tokens: w.length / used, inputs: x, weights: w, ids: own, costs: c };
}

/** Learns one block's rule. → the rule, and its scores of all slots but the first ones */
function learn(block: Joined, mean: number, share: number, random: Random): { rule: ExpertRule; scores: number[] } {
  const model = new SlotScores(block);
  let price = 1;
  const order = Array.from({ length: block.tokens }, (_, t) => t);
  for (let step = 0, from = order.length; step < STEPS; step++, from += STEP_TOKENS) {
    if (from >= order.length) {
      random.shuffle(order);
      from = 0;
    }
    const tokens = order.slice(from, from + STEP_TOKENS);
    const kept = model.step(tokens, mean, price, LEARNING_RATE * (1 - step / STEPS));
    // The price of an expert rises while more are kept than may be.
    price *= Math.exp(PRICE_RATE * (kept / (tokens.length * (block.used - 1)) - share));
  }
  return { rule: model.rule(), scores: model.all() };
}

/**
 * Scores s_tj of slots j ≥ 1: linear in the input, the weight, and its share of the largest, with a number for every
 * expert. Adam on Σ (1 − σ)·cost + price·σ.
 */
class SlotScores {
  readonly #block: Joined;
  /** Per slot: columns of the input, ratio, level, constant, [used − 1, hidden + 3]; then one for every expert. */
  readonly #values: Float64Array;
  readonly #first: Float64Array;
  readonly #second: Float64Array;
  readonly #width: number;
  readonly #inputScale: number;
  readonly #weightScale: number;
  #steps = 0;

  constructor(block: Joined) {
    this.#block = block;
    this.#width = block.hidden + 3;
    const numbers = (block.used - 1) * this.#width + block.experts;
    [this.#values, this.#first, this.#second] = [0, 1, 2].map(() => new Float64Array(numbers)) as [
      Float64Array,
      Float64Array,
      Float64Array,
    ];
    const rms = (values: Float32Array): number =>
      Math.sqrt(values.reduce((sum, value) => sum + value * value, 0) / Math.max(1, values.length)) || 1;
    this.#inputScale = 1 / (rms(block.inputs) * Math.sqrt(block.hidden));
    this.#weightScale = 1 / rms(block.weights);
  }

  /** Features of a slot, into `to`. */
  #features(token: number, j: number, to: Float64Array): void {
    const { hidden, used, inputs, weights } = this.#block;
    for (let c = 0; c < hidden; c++) to[c] = inputs[token * hidden + c] * this.#inputScale;
    const [own, largest] = [weights[token * used + j], weights[token * used]];
    to[hidden] = own / largest;
    to[hidden + 1] = own * this.#weightScale;
    to[hidden + 2] = 1;
  }

  /** Where the number of a slot's expert is. */
  #biasAt(token: number, j: number): number {
    const { used, ids } = this.#block;
    return (used - 1) * this.#width + ids[token * used + j];
  }

  #score(features: Float64Array, token: number, j: number): number {
    const from = (j - 1) * this.#width;
    let score = this.#values[this.#biasAt(token, j)];
    for (let i = 0; i < this.#width; i++) score += this.#values[from + i] * features[i];
    return score;
  }

  /** One step of the optimizer. → slots kept, in expectation */
  step(tokens: readonly number[], mean: number, price: number, rate: number): number {
    const { used, costs } = this.#block;
    const gradient = new Float64Array(this.#values.length);
    const features = new Float64Array(this.#width);
    let kept = 0;
    for (const token of tokens)
      for (let j = 1; j < used; j++) {
        this.#features(token, j, features);
        const p = 1 / (1 + Math.exp(-this.#score(features, token, j)));
        kept += p;
        const slope = p * (1 - p) * (price - costs[token * used + j] / mean);
        const from = (j - 1) * this.#width;
        for (let i = 0; i < this.#width; i++) gradient[from + i] += (slope * features[i]) / tokens.length;
        gradient[this.#biasAt(token, j)] += slope / tokens.length;
      }
    this.#adam(gradient, rate);
    return kept;
  }

  /** @see Kingma and Ba, Adam (2015); Loshchilov and Hutter, decoupled weight decay (2019) */
  #adam(gradient: Float64Array, rate: number): void {
    this.#steps++;
    const biases = (this.#block.used - 1) * this.#width;
    const [keep1, keep2] = [0.9, 0.999];
    const [scale1, scale2] = [1 / (1 - keep1 ** this.#steps), 1 / (1 - keep2 ** this.#steps)];
    for (let i = 0; i < gradient.length; i++) {
      this.#first[i] = keep1 * this.#first[i] + (1 - keep1) * gradient[i];
      this.#second[i] = keep2 * this.#second[i] + (1 - keep2) * gradient[i] ** 2;
      const move = (this.#first[i] * scale1) / (Math.sqrt(this.#second[i] * scale2) + 1e-8);
      const isInput = i < biases && i % this.#width < this.#block.hidden;
      const decay = isInput ? DECAY * this.#values[i] : 0;
      this.#values[i] -= rate * (move + decay);
    }
  }

  /** Scores of all slots but the first of every token. */
  all(): number[] {
    const { tokens, used } = this.#block;
    const features = new Float64Array(this.#width);
    const scores: number[] = [];
    for (let token = 0; token < tokens; token++)
      for (let j = 1; j < used; j++) {
        this.#features(token, j, features);
        scores.push(this.#score(features, token, j));
      }
    return scores;
  }

  /** The same scores of inputs and weights as they are. */
  rule(): ExpertRule {
    const { used, experts, hidden } = this.#block;
    const at = (j: number, i: number): number => (j === 0 ? 0 : this.#values[(j - 1) * this.#width + i]);
    const slots = Array.from({ length: used }, (_, j) => j);
    return {
      scores: Float32Array.from({ length: used * hidden }, (_, i) => {
        return at(Math.floor(i / hidden), i % hidden) * this.#inputScale;
      }),
      ratios: slots.map((j) => at(j, hidden)),
      levels: slots.map((j) => at(j, hidden + 1) * this.#weightScale),
      offsets: slots.map((j) => at(j, hidden + 2)),
      biases: Array.from({ length: experts }, (_, e) => this.#values[(used - 1) * this.#width + e]),
    };
  }
}
