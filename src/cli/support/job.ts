import type { ProgressEvent } from '../../core/progress.ts';

/** Steps that a job is expected to have, in order, with what share of its time each takes; only their ratios count. */
export type Outline = Readonly<Record<string, number>>;

/**
 * Shares of `quantize`: medians of the embedded model and SmolLM2-135M (README, "Time and memory"). `verifying` rounds, too.
 */
export const QUANTIZE_OUTLINE: Outline = { measuring: 42, pricing: 22, quantizing: 7, verifying: 29, writing: 1 };
export const PLAN_OUTLINE: Outline = { measuring: 65, pricing: 35 };

/** Stages of the library in words for people. */
const WORDS: Readonly<Record<string, string>> = {
  downloading: 'fetching the model',
  checking: 'checking what was fetched',
  measuring: 'measuring what the precision of every matrix is worth',
  pricing: 'trying every format on every matrix',
  'pricing cache': 'trying formats of the KV cache',
  'pricing activations': 'trying bits of activations',
  timing: 'timing this device',
  probing: 'checking predictions on other text',
  searching: 'searching by true evaluations',
  quantizing: 'rounding',
  rounding: 'rounding',
  verifying: 'comparing with the original',
  peers: 'measuring what other files lose',
  running: 'running the model',
  evaluating: 'measuring true losses of plans',
  scoring: 'scoring matrices',
  writing: 'writing the file',
};

/** What a step is called in output. */
export function stepWords(stage: string): string {
  return WORDS[stage] ?? stage;
}

/** Where a job is. */
export interface JobState {
  readonly words: string;
  /** Of the whole job, from 0 to 1. */
  readonly share: number;
  /** Milliseconds that the rest will take; undefined while nothing is known. */
  readonly remaining?: number;
}

/** Counts the steps of a job together, so that there is one share and one remaining time for all of it. */
export class Job {
  readonly #outline: Outline;
  readonly #now: () => number;
  #stage = '';
  /** Time and shares of finished steps: what the speed is learned from. */
  #finished = { shares: 0, milliseconds: 0 };
  #began = 0;
  #share = 0;

  constructor(outline: Outline, now: () => number) {
    this.#outline = outline;
    this.#now = now;
  }

  update({ stage, done, total }: ProgressEvent): JobState {
    if (stage !== this.#stage) this.#begin(stage);
    const own = total > 0 ? Math.min(1, done / total) : 0;
    const weight = this.#outline[stage];
    // A step that nobody expected is a job of its own.
    if (weight === undefined) return this.#state(own, own, this.#elapsed());
    const { shares, milliseconds } = this.#finished;
    const doneShares = shares + weight * own;
    return this.#state(doneShares / (shares + this.#ahead(stage)), doneShares, milliseconds + this.#elapsed());
  }

  #begin(stage: string): void {
    const weight = this.#outline[this.#stage];
    if (weight !== undefined) {
      this.#finished.shares += weight;
      this.#finished.milliseconds += this.#elapsed();
    }
    this.#stage = stage;
    this.#began = this.#now();
  }

  /** Shares from this step on; those that were passed over are known already and take nothing. */
  #ahead(stage: string): number {
    const stages = Object.keys(this.#outline);
    return stages.slice(stages.indexOf(stage)).reduce((sum, name) => sum + this.#outline[name], 0);
  }

  #elapsed(): number {
    return this.#now() - this.#began;
  }

  #state(share: number, done: number, milliseconds: number): JobState {
    // Steps that come twice must not turn the bar back.
    this.#share = this.#outline[this.#stage] === undefined ? share : Math.max(this.#share, Math.min(1, share));
    const remaining = done > 0 && share > 0 ? (milliseconds * (1 - this.#share)) / share : undefined;
    return { words: stepWords(this.#stage), share: this.#share, remaining };
  }
}
